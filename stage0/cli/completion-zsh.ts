/** The completion script for zsh. */
import type { CompletableFlag, CompletionModel, Place } from './completion-model';

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What `_arguments` does to complete a value. */
function action(flag: Pick<CompletableFlag, 'choices' | 'complete'>): string {
  if (flag.choices.length > 0) return `(${flag.choices.join(' ')})`;
  switch (flag.complete) {
    case undefined:
      return '';
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    default:
      return `_podctl_${flag.complete}`;
  }
}

/** In a spec of `_arguments`, brackets and colons mean something. */
const plain = (text: string): string => text.replace(/[[\]]/g, '').replaceAll(':', '\\:');

function flagSpec(flag: CompletableFlag): string {
  const value = flag.word.slice(2);
  if (flag.takesWord) return quoted(`*${flag.word}=[${plain(flag.summary)}]:${value}:${action(flag)}`);
  return quoted(`*${flag.word}=-[${plain(flag.summary)}]::${value}:${action(flag)}`);
}

const placeName = ({ name }: Place): string => `_podctl_place_${name.replace(/[^a-z0-9]/g, '_')}`;

const wordList = ({ words }: Place): string => words.map(({ word, summary }) => quoted(`${word}:${summary}`)).join(' ');

function branchFunction(place: Place, places: readonly Place[]): string {
  const next = (word: string): Place | undefined =>
    places.find(({ name }) => name === (place.name === '' ? word : `${place.name} ${word}`));
  const cases = place.words.flatMap(({ word }) => {
    const target = next(word);
    return target === undefined ? [] : [`        ${word}) ${placeName(target)} ;;`];
  });
  return `${placeName(place)}() {
  local state line
  local -a words_here=(${wordList(place)})
  _arguments -C $podctl_globals '1:command:->command' '*::argument:->rest'
  case $state in
    command) _describe command words_here ;;
    rest)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}`;
}

const commandFunction = (place: Place): string =>
  `${placeName(place)}() {
  _arguments $podctl_globals ${place.flags.map(flagSpec).join(' ')} ${quoted(
    place.argument === undefined ? '*::argument:' : `*:argument:${action({ choices: [], complete: place.argument })}`,
  )}
}`;

export function zshScript({ places, globals }: CompletionModel): string {
  const functions = places.map((place) =>
    place.words.length > 0 ? branchFunction(place, places) : commandFunction(place),
  );
  return `#compdef podctl
# zsh completion of podctl; written by \`podctl completion zsh\`
typeset -ga podctl_globals=(${globals.map(flagSpec).join(' ')})

_podctl_pod() { local -a found=(\${(f)"$(podctl __complete pods 2>/dev/null)"}); compadd -a found }
_podctl_app() { local -a found=(\${(f)"$(podctl __complete apps 2>/dev/null)"}); compadd -a found }
_podctl_image() { local -a found=(\${(f)"$(podctl __complete images 2>/dev/null)"}); compadd -a found; _files }
_podctl_command() { local -a found=(${places[0] === undefined ? '' : wordList(places[0])}); _describe command found }

${functions.join('\n\n')}

_podctl() { _podctl_place_ }
# In a file of $fpath this is the body of _podctl at its first call; sourced, it only announces it.
if [[ $funcstack[1] == _podctl ]]; then _podctl "$@"; else compdef _podctl podctl; fi
`;
}
