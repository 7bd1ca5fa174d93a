/** The text form of a plan (stage1/README.md): the only encoder, and the decoder that mirrors stage1/native/plan.cc. */
import { PodctlError } from '#kernel/errors';
import {
  type ArgKind,
  MAX_ARGS,
  MAX_OPS,
  MAX_PLAN_BYTES,
  OPS,
  type Op,
  type OpName,
  PLAN_VERSION,
  type Plan,
  type Section,
} from './op';

const SECTION_ORDER: readonly Section[] = ['head', 'pod', 'app'];
const HEADER = `podctl-plan ${PLAN_VERSION}`;

const syntaxOf = (name: OpName): { sections: readonly Section[]; args: readonly ArgKind[] } => OPS[name];

/** Quotes one argument: bytes outside `!`…`~`, and `%`, become `%XX`; the empty argument becomes `%`. */
export function quote(argument: string): string {
  if (argument === '') return '%';
  // Almost every argument is plain, so the common case costs one scan and no allocation.
  if (/^[!-$&-~]+$/.test(argument)) return argument;
  let out = '';
  for (const byte of Buffer.from(argument, 'utf8')) {
    out +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

/** @throws PodctlError `plan-invalid` if the quoting is malformed or hides a NUL. */
function unquote(token: string, position: string): string {
  if (token === '%') return '';
  const text = token.replace(/%([0-9a-f]{2})?/g, (_, hex: string | undefined) => {
    if (hex === undefined || hex === '00') throw new PodctlError('plan-invalid', 'malformed quoting', { position });
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return Buffer.from(text, 'latin1').toString('utf8');
}

const KIND_SYNTAX: Readonly<Record<ArgKind, RegExp>> = {
  text: /^[^\0]*$/,
  texts: /^[^\0]*$/,
  path: /^\/[^\0]*$/,
  num: /^(?:0|[1-9][0-9]{0,17})$/,
  oct: /^[0-7]{1,5}$/,
  hex: /^(?:[0-9a-f]{2})+$/,
};

/** Checks one operation's arguments against OPS. @throws PodctlError `plan-invalid` */
function checkArgs(op: Op, position: string): void {
  const kinds = syntaxOf(op.name).args;
  const open = kinds.at(-1) === 'texts';
  const fixed = open ? kinds.length - 1 : kinds.length;
  if (op.args.length < fixed || (!open && op.args.length > fixed) || op.args.length > MAX_ARGS) {
    throw new PodctlError('plan-invalid', `${op.name} takes ${fixed}${open ? ' or more' : ''} arguments`, { position });
  }
  for (const [index, arg] of op.args.entries()) {
    const kind = kinds[Math.min(index, kinds.length - 1)] ?? 'text';
    if (!KIND_SYNTAX[kind].test(arg)) {
      throw new PodctlError('plan-invalid', `${op.name}: argument ${index + 1} is not of kind ${kind}`, { position });
    }
  }
}

/** The section after `op`, given the one before it. @throws PodctlError `plan-invalid` if `op` may not stand there. */
function advance(section: Section, op: Op, position: string): Section {
  const { sections } = syntaxOf(op.name);
  const opensApp = op.name === 'app';
  for (const next of SECTION_ORDER.slice(SECTION_ORDER.indexOf(section))) {
    if (!sections.includes(next)) continue;
    if (next === 'app' && section !== 'app' && !opensApp) continue;
    return next;
  }
  throw new PodctlError('plan-invalid', `${op.name} cannot stand in section ${section}`, { position });
}

/** Checks what both decoders check of a whole plan. @throws PodctlError `plan-invalid` */
function checkPlan(plan: Plan): void {
  if (plan.length > MAX_OPS) throw new PodctlError('plan-invalid', `more than ${MAX_OPS} operations`);
  if (plan[0]?.name !== 'pod')
    throw new PodctlError('plan-invalid', 'the first operation is not "pod"', { position: 'line 2' });
  let section: Section = 'head';
  for (const [index, op] of plan.entries()) {
    const position = `line ${index + 2}`;
    checkArgs(op, position);
    section = advance(section, op, position);
  }
}

/** @throws PodctlError `plan-invalid` if the planner made a plan its own syntax does not allow: a defect, caught early. */
export function encodePlan(plan: Plan): string {
  checkPlan(plan);
  const lines = plan.map((op) => [op.name, ...op.args.map(quote)].join(' '));
  return `${[HEADER, ...lines].join('\n')}\n`;
}

/** @throws PodctlError `plan-invalid` with the line */
export function decodePlan(text: string): Plan {
  if (Buffer.byteLength(text) > MAX_PLAN_BYTES)
    throw new PodctlError('plan-invalid', `larger than ${MAX_PLAN_BYTES} bytes`);
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new PodctlError('plan-invalid', 'the last line is not ended');
  if (lines.shift() !== HEADER)
    throw new PodctlError('plan-invalid', `line 1 is not "${HEADER}"`, { position: 'line 1' });
  const plan = lines.map((line, index): Op => {
    const position = `line ${index + 2}`;
    const [name = '', ...tokens] = line.split(' ');
    if (!Object.hasOwn(OPS, name)) throw new PodctlError('plan-invalid', `unknown operation "${name}"`, { position });
    if (tokens.some((token) => !/^[!-~]+$/.test(token))) {
      throw new PodctlError('plan-invalid', 'an argument is empty or not quoted', { position });
    }
    return { name: name as OpName, args: tokens.map((token) => unquote(token, position)) };
  });
  checkPlan(plan);
  return plan;
}
