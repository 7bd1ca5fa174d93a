set -e
D=/var/lib/podctl/t1; rm -rf $D; mkdir -p $D/pod/root $D/pod/apps/web/upper $D/pod/apps/web/work $D/tree/bin $D/tree/etc
cp /bin/busybox $D/tree/bin/; for a in sh true cat ls echo sleep; do ln -s busybox $D/tree/bin/$a; done
HEX=$(/work/main/test/native/machine-messages podctl-t1 11111111-1111-1111-1111-111111111111 $D/pod/root)
sed -e "s#/tmp/nt/t1#$D#g" -e '/^inherit/d' -e "s#^hostname#machine /run/dbus/system_bus_socket $HEX\nhostname#" -e 's/podctl-test.service/podctl-t1.service/' \
 -e 's/^args .*/args sh -c echo%20hello;echo%20oops%20>\&2;exec%20sleep%20300/' -e 's/ID=podctl%0a/PRETTY_NAME=podctl-pod%0a/' /work/main/test/native/plan > $D/plan
/work/main/dist/native/podctl-stage1 check $D/plan
time systemd-run --unit=podctl-t1 --slice=machine.slice -p Type=notify -p NotifyAccess=main -p Delegate=yes -p KillMode=mixed -p OOMPolicy=continue -p CollectMode=inactive-or-failed -p LogExtraFields=POD_UUID=1 /work/main/dist/native/podctl-stage1 run $D/plan
systemctl status podctl-t1 --no-pager || true
machinectl list
machinectl status podctl-t1 --no-pager | head -20 || true
cat $D/pod/pid
P=$(cat $D/pod/pid); cat /proc/$P/smaps_rollup | grep -E 'Pss|Rss'; grep PPid /proc/$P/status
journalctl -t web --no-pager -o verbose -n 2 | grep -E 'MESSAGE|UNIT|PRIORITY|POD_UUID|_PID'
time systemctl stop podctl-t1
systemctl status podctl-t1 --no-pager | head -5 || true
journalctl -u podctl-t1 --no-pager | tail -12
cat $D/pod/status/web
