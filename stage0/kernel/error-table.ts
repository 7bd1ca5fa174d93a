/**
 * Every failure podctl reports: a stable code (never renamed, never reused), its exit status, and a default hint.
 * docs/errors.md lists exactly these rows (a test compares them).
 */
export interface ErrorRow {
  readonly exit: number;
  readonly summary: string;
  readonly hint?: string;
}

/** Every failure of podctl itself, as in rkt; an app's own status passes through `run` unchanged. */
const FAILURE = 254;

const row = (summary: string, hint?: string): ErrorRow =>
  hint === undefined ? { exit: FAILURE, summary } : { exit: FAILURE, summary, hint };

export const ERRORS = {
  // command line
  usage: row('The command line cannot be understood.'),
  'not-root': row('The command needs root.', 'run it as root, for example with sudo'),
  'invalid-name': row('A name does not have the syntax it must have.'),
  // host
  'no-systemd': row('The host is not running systemd, or its bus cannot be reached.'),
  'systemd-refused': row('systemd refused a request.'),
  'systemd-silent': row(
    'The bus or systemd did not answer in 25 seconds, or systemd the request for a start in 60.',
    '`systemctl status dbus` and `systemctl list-jobs` show what they are busy with',
  ),
  'unit-gone': row('A systemd unit does not exist, or no longer.'),
  'socket-unclaimed': row(
    "A socket of the unit is for no app of the pod, or an app's for no socket.",
    'name it after a port with socketActivated, or after an app (FileDescriptorName=)',
  ),
  'unit-unfit': row(
    "A unit of the user's confines podctl so that no pod can run in it.",
    'remove what confines it: podctl confines the apps (docs/service.md)',
  ),
  'not-in-place': row(
    'A pod was to run in the unit that executed podctl, and cannot.',
    'say `Delegate=yes` in the unit, and call podctl as its ExecStart= (docs/service.md)',
  ),
  'unit-failed': row("systemd could not start a pod's unit.", '`journalctl -u UNIT` says more'),
  'journalctl-failed': row("systemd's journalctl cannot be run.", 'install systemd, which it is a part of'),
  'journal-missing': row('There is no journal on this host.', '`systemctl status systemd-journald` says why'),
  'journal-unreadable': row('The journal may not be read.', 'be root, or a member of the group systemd-journal'),
  // pods
  'pod-not-found': row('No pod has this UUID or name.', '`podctl list` shows the pods there are'),
  'pod-ambiguous': row('Several pods match this UUID prefix.', 'give more digits'),
  'pod-damaged': row("A file of a pod's directory cannot be read.", 'remove the pod with `podctl rm`'),
  'pod-wrong-state': row('The pod is not in a state in which this can be done.'),
  'pod-not-ready': row('A pod has ended before it was ready.', '`podctl status` shows what became of its apps'),
  'wait-timeout': row('A pod did not do in time what was waited for.'),
  'copy-failed': row('A file cannot be copied between an app and the host.'),
  'app-not-found': row('The pod has no app of this name, or has several and none was chosen.', 'choose one with --app'),
  'app-exists': row('The pod has an app of this name already.', 'give it another --name'),
  'app-wrong-state': row('The app is not in a state in which this can be done.'),
  'app-failed': row('An app could not be started in a running pod.'),
  'control-failed': row(
    "A pod's init cannot be asked, or does not answer.",
    '`podctl status` shows whether the pod runs',
  ),
  'pod-name-taken': row('Another pod has this name.', 'choose another --name, or remove that pod'),
  'user-range-missing': row(
    'No user and group IDs are set aside for the users of pods.',
    'add the line "podctl:1879048192:16777216" to /etc/subuid and /etc/subgid: IDs for 256 pods',
  ),
  'user-range-taken': row('Other pods have the user and group IDs.', 'choose others, or give --private-users alone'),
  'user-range-invalid': row('A line of /etc/subuid or /etc/subgid is malformed.', 'correct it as subuid(5) says'),
  'user-outside-range': row("An app's user or group is none of the pod's own."),
  'network-unusable': row('A network namespace cannot be joined.', '`ip netns add NAME` makes /run/netns/NAME'),
  'filesystem-unmappable': row("A file system cannot be shown to a pod's own users (idmapped mounts)."),
  'app-not-running': row('The app of a running pod does not run itself.', '`podctl status` shows what became of it'),
  'not-attachable': row(
    'An app has no such input or output that could be attached to.',
    '`podctl attach --mode=list` shows what there is; --stdin, --stdout and --stderr say it when the pod is made',
  ),
  'control-busy': row("A pod's init deals with as many callers as it can.", 'try again once some of them are gone'),
  'stdio-invalid': row("An app's stdin, stdout and stderr cannot be what they are to be."),
  'enter-failed': row('A command could not be brought into an app.'),
  'exec-failed': row("An app's program could not be executed."),
  'library-missing': row(
    "An app's program ended with 127 since a shared library is not in the app's root; that status is podctl's, too.",
    'put the library into the image, or name its directory in LD_LIBRARY_PATH (--environment)',
  ),
  'pod-manifest-invalid': row('A pod manifest does not follow the appc specification.'),
  'pods-failed': row('Some of several pods could not be dealt with.', 'the messages above say which and why'),
  'uuid-file-unreadable': { ...row('The file given by --uuid-file cannot be read.'), exit: 1 },
  'pod-failed': row('The pod could not be started.'),
  // plan and apps
  'plan-invalid': row(
    'A plan does not follow the syntax of the plan language.',
    'it was damaged or made by another version',
  ),
  'user-unknown': row("An app's user or group cannot be resolved in its image."),
  'image-unfit': row('The image cannot be run as it is.'),
  'exec-not-found': row("The app's program is not in its image."),
  'workdir-missing': row("The app's working directory is not in its image."),
  // isolators
  'isolator-invalid': row('The value of an isolator does not follow its specification.'),
  'isolator-refused': row(
    'An isolator asks for something that would reach beyond the pod, or that strictness forbids.',
  ),
  'isolator-unenforceable': row(
    'The host cannot enforce a limit.',
    '--insecure-options=isolators runs the pod without the limits that cannot be enforced',
  ),
  // volumes
  'mount-dangling': row('A mount names a volume that the pod does not have.', 'declare it with --volume'),
  'mount-target-refused': row('A volume cannot be mounted where it was asked for.'),
  'mount-overlap': row('Two volumes of an app would be mounted one over or in the other.', 'choose other targets'),
  'volume-source-missing': row(
    'What a volume is to show of the host is not there.',
    'make it first: podctl makes nothing outside its own directories',
  ),
  'volume-source-symlink': row(
    'The way to the source of a volume leads through a symbolic link.',
    'name the real path, or allow it with follow=true',
  ),
  'volume-unfit': row('A volume cannot be what it is asked to be.'),
  // images: the archive
  'image-archive-invalid': row('An image file is not a well-formed archive.', 'fetch or build the image again'),
  'image-too-large': row('An image exceeds a limit that keeps hostile archives from filling the disk.'),
  'image-layout-invalid': row('An image holds something beside its manifest and its rootfs.'),
  'image-path-escape': row('An entry of an image leads out of it with "..".'),
  'image-path-absolute': row('An entry of an image has an absolute name.'),
  'image-entry-duplicate': row('An image has the same entry twice.'),
  'image-symlink-escape': row('An entry of an image lies below a symbolic link of the same image.'),
  'image-hardlink-escape': row('A hard link of an image names no earlier file of its rootfs.'),
  'image-device-refused': row(
    'An image contains a device node other than null, zero, full, random, urandom, tty and ptmx.',
  ),
  'image-xattr-refused': row('An image sets an extended attribute that would change how it is mounted.'),
  'image-manifest-missing': row(
    'An archive has no image manifest.',
    'an ACI is a tar archive of `manifest` and `rootfs/`',
  ),
  'image-manifest-invalid': row('An image manifest does not follow the appc specification.'),
  'decompressor-missing': row('The program that expands this kind of archive is not installed.'),
  // images: the store
  'image-file-unreadable': row('An image or signature file cannot be opened.'),
  'image-reference-invalid': row('A text is neither an image name nor an image ID.'),
  'image-not-found': row('No such image is in the local store.', '`podctl image list` shows the images there are'),
  'image-removed': row(
    'An image was removed from the store by another process while it was used.',
    'run the command again',
  ),
  'image-ambiguous': row('Several images match this ID prefix.', 'give more digits'),
  'image-damaged': row('An image of the store cannot be read.', 'remove it with `podctl image rm` and fetch it again'),
  'image-dependency-missing': row('An image needs another one that is not in the store.', 'fetch that one first'),
  'image-dependency-invalid': row('The dependencies of an image cannot be resolved.'),
  'native-missing': row('The native addon of podctl is missing.', 'build it with `npm run build:native`'),
  // images: the network
  'fetch-insecure': row('Something would be fetched in a way that others can read or change.'),
  'fetch-redirects': row('A server sends its clients on and on.'),
  'fetch-response-invalid': row('The answer of a server makes no sense.'),
  'fetch-status': row('A server did not give what it was asked for.'),
  'fetch-timeout': row('A server is too slow.', 'try again later: what has come of an image is kept'),
  'fetch-tls': row(
    'A server cannot prove who it is.',
    'SSL_CERT_FILE names other certificate authorities; --insecure-options=tls checks none',
  ),
  'fetch-unreachable': row('A server cannot be reached, or broke off.'),
  'discovery-failed': row('No page of its site says where an image comes from.', 'fetch it by its URL'),
  'image-name-mismatch': row('A fetched image is not the one that was asked for.'),
  'image-digest-mismatch': row(
    'What came of an image is not what its digest or size stands for.',
    'try again: what came was thrown away; if it happens again, the source or something on the way is at fault',
  ),
  'registry-denied': row(
    'A registry does not give an image to whoever asks.',
    'docs/registries.md says where credentials are looked for',
  ),
  'registry-unknown': row('A registry does not have an image.', 'check its name and tag'),
  'policy-rejected': row('The policy of this host forbids an image.', '`podctl image policy NAME` shows the rule'),
  'credentials-failed': row('A program that keeps credentials of registries failed.'),
  'image-source-unsupported': row('Images cannot be fetched from this kind of source.'),
  // images: Docker and OCI
  'image-document-invalid': row('A manifest, an index or a configuration does not follow its specification.'),
  'image-media-type': row('An image, or a part of it, is of a kind that podctl does not take.'),
  'image-platform-missing': row('An index has no image for the platform.', 'choose another one with --platform'),
  'image-tag-unknown': row('An archive or a layout has no such image, or several and none was chosen.'),
  // configuration
  'config-invalid': row('A configuration file cannot be understood.'),
  'output-exists': row('A file to be written is there already.', 'replace it with --overwrite'),
  // signatures and keys
  'signature-missing': row(
    'An image has no signature.',
    'give --signature FILE, or --insecure-options=image to skip the check',
  ),
  'signature-deferred': row('The signature of an image is not made yet.', 'try again later'),
  'signature-malformed': row(
    'A signature file holds no detached OpenPGP signature.',
    'make one with `gpg --armor --detach-sign`',
  ),
  'signature-invalid': row(
    'A signature does not match the image.',
    'the image or the signature was changed on its way, or they do not belong together: get both again',
  ),
  'signature-expired': row('A signature has reached the end that its maker gave it.', 'have the image signed again'),
  'signature-weak': row(
    'A signature uses algorithms that no longer prove anything.',
    'have the image signed with a current key and hash',
  ),
  'signature-key-unknown': row(
    'No key in the keystore made the signature.',
    'if you trust its maker: `podctl trust --prefix NAME KEYFILE`',
  ),
  'signature-key-untrusted': row('The key of the signature is not trusted for images of this name.'),
  'signature-key-expired': row('The key of the signature has expired.', 'get a renewed key and `podctl trust` it'),
  'signature-key-revoked': row(
    'The key of the signature was revoked by its owner.',
    'have the image signed with another key',
  ),
  'key-invalid': row('A file holds no usable OpenPGP public key.'),
  'key-private': row(
    'A file holds a private key where a public one belongs.',
    'export the public key with `gpg --armor --export`',
  ),
  'key-unusable': row('A key cannot be trusted, since nothing it signs would be accepted.'),
  'key-not-trusted': row('The key is not in the keystore.'),
  'trust-needs-review': row(
    'A key would be trusted without anybody having looked at its fingerprint.',
    'run it on a terminal, or give --skip-fingerprint-review',
  ),
  'life-invalid': row(
    "An app's restart policy, start order, readiness or stop signal, or the pod's exit policy, is none or cannot be.",
  ),
  interrupted: row('A signal ended podctl before it was done.'),
  internal: row('A defect of podctl.', 'run again with --debug and report what it prints'),
  io: row('A system call failed.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
