# Completions load in the shells they are for and complete; manual pages are clean.

packages zsh:zsh fish:fish mandoc:mandoc

for shell in bash zsh fish powershell elvish; do
  "$work/docent" completions "$shell" >"$work/docent.$shell"
done
PATH="$work:$PATH"

# What bash offers for `docent s`, asked as its readline does.
in_bash() {
  bash -euc '
    source "$1"
    COMP_WORDS=(docent s) COMP_CWORD=1
    _docent docent s docent
    printf "%s\n" "${COMPREPLY[@]}"
  ' bash "$work/docent.bash" | sort | tr '\n' ' ' | grep -x 'search serve sign-in stdio '
}
check "shells bash completes" in_bash
check "shells zsh takes it" silent zsh -n "$work/docent.zsh"
in_zsh() {
  mkdir -p "$work/functions" && cp "$work/docent.zsh" "$work/functions/_docent"
  zsh -fc 'fpath=($1 $fpath); autoload -Uz compinit; compinit -u -d "$1/dump"; autoload +X "${_comps[docent]}" && whence -w _docent' \
    zsh "$work/functions" | grep -x '_docent: function'
}
check "shells zsh finds it" in_zsh
in_fish() {
  HOME="$work" fish --no-config -c 'source $argv[1]; complete --do-complete "docent s"' "$work/docent.fish" | cut -f1 | sort | tr '\n' ' ' |
    grep -x 'search serve sign-in stdio '
}
check "shells fish completes" in_fish
for shell in powershell elvish; do
  check "shells $shell is written" grep -q 'sign-in' "$work/docent.$shell"
done

check "shells manual is written" "$work/docent" man "$work/man"
check "shells manual has a page for every command" [ "$(find "$work/man" -name '*.1' | wc -l)" -gt 20 ]
# Below warnings mandoc has opinions on style. Pages have no date on purpose, and a space too many between a flag and its
# values is shown by no reader.
lint() {
  mandoc -T lint -W warning "$work"/man/*.1 | grep -v -e 'cannot parse date' -e 'skipping paragraph macro' || true
}
check "shells manual is clean" silent lint
printf '.TH a 1 2026-01-01\n.SH NAME\na \\- b\n.nonsense\n' >"$work/bad.1"
check "shells mandoc finds a mistake" fails_with nonsense mandoc -T lint -W warning "$work/bad.1"
check "shells manual reads" bash -c 'mandoc -T utf8 "$1" | col -b | grep -q "DOCENT_LISTEN"' bash "$work/man/docent-serve.1"
