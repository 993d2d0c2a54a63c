/**
 * Completion scripts. Each asks the program itself (`__complete WORDS`), whose answer is a candidate a line, with a TAB and what it
 * means where the shell shows that; ":files" alone stands for the shell's own file names.
 */

const NAMES = ["xenolith", "xm", "xl", "xentop"] as const;

/** A shell variable keeps what words the program itself was called with: xentop is top. */
const BASH = `# bash completion of xenolith, made by "xenolith completion bash"
_xenolith() {
    local cur=\${COMP_WORDS[COMP_CWORD]} reply line
    local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
    [[ \${COMP_WORDS[0]##*/} == xentop ]] && words=(top "\${words[@]}")
    # bash takes = and : as words of their own: --state=run came as three.
    local joined=() word
    for word in "\${words[@]}"; do
        if [[ \${#joined[@]} -gt 0 && ( $word == = || \${joined[-1]} == *= ) ]]; then
            joined[-1]+=$word
        else
            joined+=("$word")
        fi
    done
    COMPREPLY=()
    reply=$("\${COMP_WORDS[0]/#\\~\\//$HOME/}" __complete -- "\${joined[@]}" 2>/dev/null) || return 0
    if [[ $reply == :files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
        return 0
    fi
    while IFS=$'\\t' read -r line _; do
        [[ -z $line ]] && continue
        [[ $cur != -* && $line == --*=* ]] && line=\${line#*=}
        COMPREPLY+=("$(printf '%q' "$line")")
    done <<< "$reply"
    if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == /* ]]; then compopt -o nospace 2>/dev/null; fi
    return 0
}
complete -F _xenolith ${NAMES.join(" ")}
`;

const ZSH = `#compdef ${NAMES.join(" ")}
# zsh completion of xenolith, made by "xenolith completion zsh"
_xenolith() {
    local reply line name
    local -a given candidates more
    given=("\${(@Q)words[2,CURRENT - 1]}" "\${(Q)PREFIX}")
    [[ \${words[1]:t} == xentop ]] && given=(top "\${given[@]}")
    reply=$("\${\${(Q)words[1]}/#\\~\\//$HOME/}" __complete -- "\${given[@]}" 2>/dev/null) || return 1
    if [[ $reply == :files ]]; then
        _files
        return
    fi
    for line in "\${(@f)reply}"; do
        [[ -z $line ]] && continue
        name=\${line%%$'\\t'*}
        line=\${line#*$'\\t'}
        candidates+=("\${name//:/\\\\:}\${line:+:$line}")
    done
    # A path of XenStore may go on.
    [[ \${candidates[1]} == /* ]] && more=(-S '')
    _describe -t candidates candidate candidates "\${more[@]}"
}
if [[ \${funcstack[1]} == _xenolith ]]; then _xenolith "$@"; else compdef _xenolith ${NAMES.join(" ")}; fi
`;

const FISH = `# fish completion of xenolith, made by "xenolith completion fish"
function __xenolith_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    test (basename -- $program) = xentop; and set words top $words
    set -l reply ($program __complete -- $words 2>/dev/null)
    if test "$reply" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $reply
    end
end
${NAMES.map((name) => `complete -c ${name} -f -a '(__xenolith_complete)'`).join("\n")}
`;

export type Shell = "bash" | "zsh" | "fish";

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
