/** Completion scripts, made from the declared commands: they know every command, option and choice. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

const NAME = 'clusterfirewall';

export function completion(program: Command, shell: ShellName): string {
  switch (shell) {
    case 'bash':
      return bash(program);
    case 'zsh':
      // zsh runs completions of bash.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bash(program)}`;
    case 'fish':
      return fish(program);
  }
}

const flagsOf = (command: Command): readonly string[] => [
  ...command.options.flatMap(({ short, long }) => [short, long].filter((each) => each !== undefined)),
  '--help',
];

function bash(program: Command): string {
  const names = program.commands.map((each) => each.name()).join(' ');
  const choices = program.commands.flatMap((command) =>
    command.options.flatMap((option) => choicesOf(command.name(), option)),
  );
  return `_${NAME}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} name='' word flags
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${names} " in *" $word "*) name=$word; break ;; esac
  done
  case "$name $previous" in
${choices.join('')}  esac
  case "$name" in
    '') COMPREPLY=($(compgen -W '${[names, ...flagsOf(program)].join(' ')}' -- "$current")); return ;;
${program.commands.map((each) => `    ${each.name()}) flags='${flagsOf(each).join(' ')}' ;;\n`).join('')}  esac
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current")); fi
}
complete -o default -F _${NAME} ${NAME}
`;
}

const choicesOf = (name: string, { short, long, argChoices }: Option): readonly string[] =>
  argChoices === undefined
    ? []
    : [short, long]
        .filter((flag) => flag !== undefined)
        .map(
          (flag) =>
            `    '${name} ${flag}') COMPREPLY=($(compgen -W '${argChoices.join(' ')}' -- "$current")); return ;;\n`,
        );

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => [
    `complete -c ${NAME} -n __fish_use_subcommand -f -a ${command.name()} -d ${quoted(command.description())}`,
    ...command.options.map((option) => fishOption(command.name(), option)),
  ]);
  return `${lines.join('\n')}\n`;
}

function fishOption(name: string, { short, long, argChoices, required, description }: Option): string {
  const parts = [
    `complete -c ${NAME} -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`,
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
    ...(required ? ['-r'] : []),
    ...(argChoices === undefined ? [] : [`-f -a ${quoted(argChoices.join(' '))}`]),
    `-d ${quoted(description)}`,
  ];
  return parts.join(' ');
}

const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
