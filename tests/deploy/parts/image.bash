# The Dockerfile: what hadolint says of it, and docent under what it promises.

packages unshare:util-linux setpriv:util-linux git:git

dockerfile="$root/deploy/Dockerfile"
printf 'FROM debian\nRUN cd /tmp\nADD x y\n' >"$work/bad.Dockerfile"
check "image hadolint" silent hadolint --failure-threshold style "$dockerfile"
check "image hadolint finds a mistake" fails_with DL3006 hadolint "$work/bad.Dockerfile"

# The sources that the build is given are all that Cargo.toml names: what lies in Dockerfile.dockerignore after "!".
sources() {
  local path
  mkdir "$work/context"
  while read -r path; do
    (cd "$root" && cp --parents --recursive "$path" "$work/context/")
  done < <(sed -n 's/^!//p' "$dockerfile.dockerignore")
  (cd "$work/context" && cargo metadata --locked --no-deps --format-version 1 >"$work/metadata.json") &&
    python - "$work" <<'PYTHON'
import json, pathlib, sys
work = pathlib.Path(sys.argv[1])
(package,) = json.loads((work / "metadata.json").read_text())["packages"]
for target in package["targets"]:
    assert pathlib.Path(target["src_path"]).is_file(), target
PYTHON
}
check "image is built from all sources" sources

# instruction NAME: what the final stage says there.
instruction() {
  awk -v name="$1" '$1 == "FROM" { said = "" } $1 == name { said = substr($0, length(name) + 2) } END { print said }' "$dockerfile"
}
user=$(instruction USER)
folder=$(instruction WORKDIR)
variables=$(instruction ENV)
health=$(instruction HEALTHCHECK | sed 's/.*CMD //')
command="$(instruction ENTRYPOINT) $(instruction CMD)"
check "image is not root's" [ "${user%%:*}" -gt 0 ]

port=$(free_port)
mkdir "$work"/{bin,settings,docs,data}
mv "$work/docent" "$work/bin/docent"
cp -r "$root/corpus/." "$work/docs/"
# The image has git for docs that come from a repository.
git -C "$work" init --quiet origin
printf '# Cloned\n' >"$work/origin/cloned.md"
git -C "$work/origin" add cloned.md
git -C "$work/origin" -c user.name=t -c user.email=t@example.com commit --quiet --message first
chown --recursive "$user" "$work/data" "$work/origin"
cat >"$work/settings/docent.toml" <<TOML
access = "open"
[[collections]]
name = "docs"
path = "$work/docs"
[[collections]]
name = "cloned"
git = "file://$work/origin"
TOML

# contained WORDS: runs what an engine would be told, as JSON lists, as the image's user, without any privilege, below a
# root of which nothing but the data folder can be written. Folders and port are those of this test.
contained() {
  local words=() variable set=()
  mapfile -t words < <(python3 -c '
import json, sys
text, decoder = sys.argv[1].strip(), json.JSONDecoder()
while text:
    words, end = decoder.raw_decode(text)
    print(*words, sep="\n")
    text = text[end:].strip()
' "$1")
  for variable in $variables; do
    variable=${variable/0.0.0.0:8080/127.0.0.1:$port}
    set+=("${variable/=\/data/=$work/data}")
  done
  exec unshare --mount --propagation private bash -euc '
    work=$1 user=$2
    shift 2
    mount -o remount,bind,ro /
    mount --bind "$work" "$work"
    mount -o remount,bind,ro "$work"
    mount --bind "$work/data" "$work/data"
    mount -o remount,bind,rw "$work/data"
    if touch "$work/settings/x" 2>/dev/null; then
      echo "the root can be written"
      exit 1
    fi
    cd "$work/settings"
    exec setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
      --bounding-set=-all --inh-caps=-all env --ignore-environment PATH="$work/bin:/usr/bin:/bin" "$@"
  ' bash "$work" "$user" "${set[@]}" "${words[@]}"
}
check "image starts in a folder for settings" [ "$folder" = /etc/docent ]
contained "$command" >"$work/log" 2>&1 &
started+=($!)
healthy() { (contained "$health"); }
check "image serves without privileges on a read-only root" eventually healthy
cloned() {
  python3 -c '
import json, sys, urllib.request
ready = json.load(urllib.request.urlopen(sys.argv[1]))
assert [it["commit"] for it in ready["repositories"]] == [sys.argv[2][:12]], ready
' "http://127.0.0.1:$port/readyz" "$(git -c safe.directory='*' -C "$work/origin" rev-parse HEAD)"
}
check "image clones docs" cloned
check "image keeps what it writes in the volume" [ -n "$(ls -A "$work/data")" ]
# The process has no capability left, may get none, and is the image's user.
bounded() {
  local status="/proc/${started[0]}/status" line
  for line in $'CapEff:\t0000000000000000' $'CapBnd:\t0000000000000000' $'NoNewPrivs:\t1'; do
    grep -qx "$line" "$status" || {
      cat "$status"
      return 1
    }
  done
  grep -q "^Uid:.${user%%:*}"$'\t' "$status"
}
check "image leaves no privilege" bounded
kill "${started[0]}"
# Not by check, whose subshell is not the parent.
if wait "${started[0]}"; then echo "ok image stops when it is told"; else echo "FAIL image stops when it is told"; fi
started=()
check "image is unhealthy when nobody answers" fails_with docent: healthy
