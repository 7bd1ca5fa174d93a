/** The completion script for bash. */
import type { CompletableFlag, CompletionModel, Place } from './completion-model';

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const list = (words: readonly string[]): string => quoted(words.join(' '));

const placeCase = ({ name, words, flags }: Place): string =>
  `    ${quoted(name)}) words=${list(words.map(({ word }) => word))} flags=${list(flags.map(({ word }) => word))} ;;`;

const argumentCase = ({ name, argument }: Place): string[] =>
  argument === undefined ? [] : [`    ${quoted(name)}) kind=${argument} ;;`];

function valueCase(pattern: string, flag: CompletableFlag): string[] {
  const joined = flag.takesWord ? '' : ' joined=1';
  if (flag.choices.length > 0) return [`    ${pattern}) choices=${list(flag.choices)}${joined} ;;`];
  if (flag.complete !== undefined) return [`    ${pattern}) kind=${flag.complete}${joined} ;;`];
  return flag.takesWord ? [`    ${pattern}) kind=any ;;`] : [];
}

export function bashScript({ places, globals }: CompletionModel): string {
  return `# bash completion of podctl; written by \`podctl completion bash\`
_podctl_place() { # sets words and flags of a place in the tree of commands
  words='' flags=''
  case $1 in
${places.map(placeCase).join('\n')}
    *) return 1 ;;
  esac
  flags+=${quoted(` ${globals.map(({ word }) => word).join(' ')}`)}
}

_podctl_value() { # sets kind or choices for the value of a flag, and joined if it must follow a =: PLACE FLAG
  kind='' choices='' joined=''
  case "$1 $2" in
${places.flatMap(({ name, flags }) => flags.flatMap((flag) => valueCase(quoted(`${name} ${flag.word}`), flag))).join('\n')}
${globals.flatMap((flag) => valueCase(`*' '${flag.word}`, flag)).join('\n')}
    *) return 1 ;;
  esac
}

_podctl_argument() { # sets kind for positional arguments of a place
  kind='' choices=''
  case $1 in
${places.flatMap(argumentCase).join('\n')}
    *) return 1 ;;
  esac
}

_podctl_offer() { # what fits kind or choices and begins with $1
  case $kind in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$1") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$1") ;;
    command) mapfile -t COMPREPLY < <(_podctl_place ''; compgen -W "$words" -- "$1") ;;
    pod) mapfile -t COMPREPLY < <(compgen -W "$(podctl __complete pods 2>/dev/null)" -- "$1") ;;
    app) mapfile -t COMPREPLY < <(compgen -W "$(podctl __complete apps 2>/dev/null)" -- "$1") ;;
    image)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$1"; compgen -W "$(podctl __complete images 2>/dev/null)" -- "$1")
      ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$1") ;;
  esac
}

_podctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} place='' expect='' word words flags kind choices joined i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then continue; fi
    if [[ \${COMP_WORDS[i - 1]} == '=' ]]; then expect=''; continue; fi
    if [[ -n $expect ]]; then expect=''; continue; fi
    case $word in
      --) return ;;
      -*) if [[ $word != *=* && \${COMP_WORDS[i + 1]} != '=' ]] && _podctl_value "$place" "$word" && [[ -z $joined ]]; then expect=$word; fi ;;
      *) if _podctl_place "\${place:+$place }$word"; then place="\${place:+$place }$word"; fi ;;
    esac
  done
  if [[ $cur == '=' ]]; then
    _podctl_value "$place" "\${COMP_WORDS[COMP_CWORD - 1]}" && _podctl_offer ''
  elif [[ \${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
    _podctl_value "$place" "\${COMP_WORDS[COMP_CWORD - 2]}" && _podctl_offer "$cur"
  elif [[ -n $expect ]]; then
    _podctl_value "$place" "$expect" && _podctl_offer "$cur"
  elif [[ $cur == -* ]]; then
    _podctl_place "$place" && mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif _podctl_argument "$place"; then
    _podctl_offer "$cur"
  else
    _podctl_place "$place" && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -F _podctl podctl
`;
}
