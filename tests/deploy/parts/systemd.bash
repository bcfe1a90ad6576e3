# The unit: systemd reads it, rates its confinement, and lets docent do what it does.

packages systemd-analyze:systemd strace:strace pkill:procps git:git

unit="$root/deploy/docent.service"
sed "s#/usr/local/bin/docent#$work/docent#" "$unit" >"$work/docent.service"
sed 's/^ProtectHome=/ProtectHom=/' "$work/docent.service" >"$work/misspelt.service"
check "systemd unit" silent systemd-analyze verify "$work/docent.service"
check "systemd finds a mistake" fails_with ProtectHom bash -c 'said=$(systemd-analyze verify "$1" 2>&1); echo "$said"; [[ -z $said ]]' bash "$work/misspelt.service"
# 10 is no confinement at all; what is left is the internet, which docent is for.
check "systemd exposure is at most 2.0 of 10" systemd-analyze security --offline=true --threshold=20 "$work/docent.service"

# Every call that docent makes, and git that it starts, is one that the unit allows.
git -C "$work" init --quiet origin
printf '# Cloned\n' >"$work/origin/cloned.md"
git -C "$work/origin" add cloned.md
git -C "$work/origin" -c user.name=t -c user.email=t@example.com commit --quiet --message first
cat >"$work/docent.toml" <<TOML
data_dir = "$work/data"
listen = "127.0.0.1:$(free_port)"
[[collections]]
name = "docs"
path = "$work/docs"
[[collections]]
name = "cloned"
git = "file://$work/origin"
TOML
cp -r "$root/corpus" "$work/docs"
address=$(sed -n 's/^listen = "\(.*\)"/\1/p' "$work/docent.toml")
# As the unit has it, not as root: SQLite would give its files to whoever owns the folder.
user=()
if [[ $(id -u) == 0 ]]; then
  chown -R nobody "$work"
  user=(--user=nobody)
fi
strace "${user[@]}" --follow-forks --quiet=all --output "$work/calls" "$work/docent" serve --config "$work/docent.toml" >"$work/log" 2>&1 &
started+=($!)
check "systemd docent is traced" eventually "$work/docent" health --config "$work/docent.toml"
# In a condition `set -e` does not hold: each step says for itself that it failed.
traced() {
  python3 - "$address" <<'PYTHON' || return 1
import json, sys, urllib.request
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "port"}}})
head = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
answer = urllib.request.urlopen(urllib.request.Request(f"http://{sys.argv[1]}/mcp", body.encode(), head))
assert "results" in answer.read().decode()
PYTHON
  # A page that changes, settings that are read again, and the end.
  printf '# New\n\nThe okapi.\n' >"$work/docs/new.md" || return 1
  eventually grep -q "docs changed" "$work/log" || return 1
  pkill -HUP --parent "${started[0]}" || return 1
  eventually grep -q "settings" "$work/log" || return 1
  pkill -TERM --parent "${started[0]}"
}
check "systemd docent does its work" traced
# strace ends as docent does. Not by check, whose subshell is not the parent.
if wait "${started[0]}"; then echo "ok systemd docent ends"; else echo "FAIL systemd docent ends"; fi
started=()
check "systemd allows every call of docent and git" python3 "$here/syscalls.py" "$work/docent.service" "$work/calls"
