import { command, commandSpec } from '../command';
import { APP_FLAGS, PREPARE_FLAGS, START_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'run',
  summary: 'run images as a pod, which is a systemd service',
  description:
    'Fetches, verifies and unpacks the images, and runs them together as one pod: the service podctl-UUID.service, seen by ' +
    'systemctl, machinectl and journalctl. In the foreground the output of the apps is shown, the journal has it too, and the ' +
    'first app that fails ends the pod with its status. ^C stops the pod; a second ^C kills it. An app has no input, unless ' +
    '--interactive gives it that of podctl: between terminals a terminal of its own, which ctrl-p ctrl-q leaves running.\n\n' +
    'An IMAGE is a file (an ACI, with its signature beside it in FILE.asc), an image ID, the name of an image in the store, or a ' +
    'Docker or OCI image: docker://REPOSITORY, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME]. Of these, ' +
    'arguments behind -- replace CMD, --exec replaces ENTRYPOINT and CMD. ' +
    'The network is that of the host unless --net=none is given.',
  args: {},
  flags: { ...PREPARE_FLAGS, ...START_FLAGS },
  images: { flags: APP_FLAGS, arguments: true },
  privilege: 'root',
  exitCodes: [
    { status: '1–253', when: 'the status of the first app that failed' },
    { status: '128+N', when: 'signal N ended the app or the pod' },
  ],
  examples: [
    { line: 'podctl run --signed hello.aci', does: 'Run an image that a trusted key has signed' },
    { line: 'podctl run web.aci --exec /bin/sh -- -c "echo hi"', does: 'Run another program of the image' },
    { line: 'podctl run -it web.aci --exec=/bin/sh', does: 'Work in a shell in an image' },
    {
      line: 'podctl run --name=shop --detach web.aci -- --port=80 --- db.aci --user=postgres',
      does: 'Run two apps in one pod',
    },
  ],
});

export const run = command(spec, () => import('./run.run.js'));
