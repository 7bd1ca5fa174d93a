/** Units of the user's in which podctl runs pods: written below /run/systemd/system, and taken away again. */
import fs from 'node:fs';
import { command, type Outcome, output, PODCTL, type Rig } from './rig';

const UNITS = '/run/systemd/system';

/** A word of ExecStart=, as systemd.service(5) wants it quoted. */
const quoted = (word: string): string =>
  `"${word.replace(/[\\"]/g, '\\$&').replaceAll('$', '$$$$').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`;

export class Services {
  readonly #rig: Rig;
  readonly #files = new Set<string>();

  readonly #cursor: string;

  constructor(rig: Rig) {
    this.#rig = rig;
    this.#cursor = /-- cursor: (.*)/.exec(output('journalctl', '-n', '1', '--show-cursor'))?.[1] ?? '';
  }

  /** podctl of this rig, as one line of a unit. */
  line(...args: readonly string[]): string {
    return [PODCTL, ...this.#rig.globals, '--insecure-options=image,http', ...args].map(quoted).join(' ');
  }

  /** Writes a unit file, or replaces it. @param name with its suffix */
  write(name: string, text: string): void {
    fs.writeFileSync(`${UNITS}/${name}`, text);
    this.#files.add(name);
    output('systemctl', 'daemon-reload');
  }

  /** A delegated service that runs a pod. @param lines more of its [Service] section; the last of a kind counts */
  pod(name: string, args: readonly string[], lines: readonly string[] = [], unit: readonly string[] = []): void {
    const own = [
      'Type=notify',
      'Delegate=yes',
      'KillMode=mixed',
      `ExecStart=${this.line('run', '--net=none', ...args)}`,
    ];
    this.write(name, ['[Unit]', ...unit, '[Service]', ...own, ...lines, ''].join('\n'));
  }

  systemctl(...args: readonly string[]): Outcome {
    return command(['systemctl', ...args]);
  }

  start(name: string): void {
    const { status, stderr } = this.systemctl('start', name);
    if (status !== 0) throw new Error(`${stderr}\n${this.journal(name)}`);
  }

  show(name: string, property: string): string {
    return output('systemctl', 'show', '--value', '-p', property, name).trim();
  }

  /** Messages of a unit since this was made (--after-cursor would lose the first that matches). @param more arguments of journalctl(1) */
  journal(name: string, ...more: readonly string[]): string {
    output('journalctl', '--sync');
    return output('journalctl', '-o', 'cat', `--cursor=${this.#cursor}`, '-u', name, ...more);
  }

  /** Ends all of them, and removes their files. */
  dispose(): void {
    for (const name of this.#files) {
      this.systemctl('stop', name);
      fs.rmSync(`${UNITS}/${name}`, { force: true });
      fs.rmSync(`${UNITS}/${name}.d`, { recursive: true, force: true });
    }
    output('systemctl', 'daemon-reload');
    if (this.#files.size > 0) this.systemctl('reset-failed', ...this.#files);
    this.#files.clear();
  }
}
