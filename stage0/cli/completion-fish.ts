/** The completion script for fish. */
import type { CompletableFlag, CompletionModel, Place } from './completion-model';

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** Arguments of `complete` for a value. */
function values({ choices, complete }: Pick<CompletableFlag, 'choices' | 'complete'>): string {
  if (choices.length > 0) return ` -xa ${quoted(choices.join(' '))}`;
  switch (complete) {
    case undefined:
      return ' -x';
    case 'file':
      return ' -rF';
    case 'directory':
      return ` -xa '(__fish_complete_directories)'`;
    case 'pod':
      return ` -xa '(podctl __complete pods 2>/dev/null)'`;
    case 'app':
      return ` -xa '(podctl __complete apps 2>/dev/null)'`;
    case 'image':
      return ` -rFa '(podctl __complete images 2>/dev/null)'`;
    case 'command':
      return ` -xa '(podctl __complete commands 2>/dev/null)'`;
  }
}

const flagLine = (condition: string, flag: CompletableFlag): string =>
  `complete -c podctl${condition} -l ${flag.word.slice(2)}${flag.takesWord ? values(flag) : ''} -d ${quoted(flag.summary)}`;

function placeLines(place: Place): string[] {
  const condition = ` -n ${quoted(`__podctl_at ${quoted(place.name)}`)}`;
  const words = place.words.map(
    ({ word, summary }) => `complete -c podctl${condition} -a ${quoted(word)} -d ${quoted(summary)}`,
  );
  const argument =
    place.argument === undefined
      ? []
      : [`complete -c podctl${condition}${values({ choices: [], complete: place.argument }).replace(/^ -x/, ' -f')}`];
  return [...words, ...place.flags.map((flag) => flagLine(condition, flag)), ...argument];
}

export function fishScript({ places, globals }: CompletionModel): string {
  const names = places.filter(({ name }) => name !== '').map(({ name }) => quoted(name));
  const taking = globals.filter(({ takesWord }) => takesWord).map(({ word }) => word);
  return `# fish completion of podctl; written by \`podctl completion fish\`
function __podctl_at -d 'whether the words so far lead to this place in the tree of commands'
    set -l words (commandline -opc)
    set -e words[1]
    set -l place ''
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
        else if contains -- $word ${taking.join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            set -l longer (string trim -- "$place $word")
            contains -- $longer ${names.join(' ')}; and set place $longer
        end
    end
    test "$place" = "$argv[1]"
end

complete -c podctl -f
${globals.map((flag) => flagLine('', flag)).join('\n')}
${places.flatMap(placeLines).join('\n')}
`;
}
