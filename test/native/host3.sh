D=/var/lib/podctl/t1; cp /work/main/dist/native/test/stamp $D/tree/bin/stamp
HEX=$(/work/main/test/native/machine-messages podctl-t1 11111111-1111-1111-1111-111111111111 $D/pod/root)
sed -e 's/^args .*/args stamp/; s/^exec .*/exec \/bin\/stamp/' -e "s/^machine .*/machine \/run\/dbus\/system_bus_socket $HEX/" -e '/^stop-grace/i inherit stdout 1' $D/plan > $D/plan-now
python3 - <<'PY'
import subprocess,os,shutil,time
D='/var/lib/podctl/t1'
d=[];tot=[];base=[];pss=[]
for i in range(40):
    shutil.rmtree(D+'/pod',ignore_errors=True)
    for x in ('root','apps/web/upper','apps/web/work'): os.makedirs(D+'/pod/'+x)
    for f in ('/run/a','/run/b'):
        if os.path.exists(f): os.unlink(f)
    t=time.time()
    subprocess.run(['systemd-run','-q','--wait','--unit=podctl-t3','--slice=machine.slice','-p','Type=notify','-p','NotifyAccess=main','-p','Delegate=yes','-p','CollectMode=inactive-or-failed','-E','STAMP=/run/a','-p','StandardOutput=file:/run/b','/work/main/dist/native/test/stamp','/work/main/dist/native/podctl-stage1','run',D+'/plan-now'],check=True)
    tot.append((time.time()-t)*1e3)
    d.append((int(open('/run/b').read())-int(open('/run/a').read()))/1e6)
    t=time.time()
    subprocess.run(['systemd-run','-q','--wait','--unit=podctl-t4','true'],check=True)
    base.append((time.time()-t)*1e3)
for n,v in (('exec->first instruction',d),('systemd-run --wait pod',tot),('systemd-run --wait true',base)):
    v.sort(); print(n,'median %.2f p10 %.2f p90 %.2f'%(v[len(v)//2],v[4],v[-5]))
PY
