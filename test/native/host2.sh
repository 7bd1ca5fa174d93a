D=/var/lib/podctl/t1; rm -rf $D/pod; mkdir -p $D/pod/root $D/pod/apps/web/upper $D/pod/apps/web/work; ls -la $D/pod
for i in 1 2 3 4 5 6 7 8; do
rm -rf $D/pod; mkdir -p $D/pod/root $D/pod/apps/web/upper $D/pod/apps/web/work
sed -e 's/^args .*/args true/; s/^exec .*/exec \/bin\/true/' $D/plan > $D/plan-true
systemd-run -q --wait --unit=podctl-t2 --slice=machine.slice -p Type=notify -p NotifyAccess=all -p Delegate=yes strace -f -T -o /run/tr.$i /work/main/dist/native/podctl-stage1 run $D/plan-true
grep -E '"0", 1' /run/tr.$i; grep -E 'renameat2|umount2|ppoll' /run/tr.$i | sed 's/.*\(renameat2\|umount2\|ppoll\).*</\1 </' | tr '\n' ' '
echo
done
