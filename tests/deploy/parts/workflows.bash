# The workflows, and the scripts that they and people call.

packages git:git

workflows=("$root"/.github/workflows/*.yml)
printf 'on: push\njobs:\n  it:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nothing }}\n' >"$work/bad.yml"

check "workflows actionlint" silent actionlint "${workflows[@]}"
check "workflows actionlint finds a mistake" fails_with 'property "nothing" is not defined' actionlint "$work/bad.yml"
check "workflows schema" check-jsonschema --builtin-schema vendor.github-workflows "${workflows[@]}"

# A tag can be moved to other code, a commit cannot. What is of this repository is of this commit.
pinned() {
  local unpinned
  unpinned=$(grep -HnE '^ *-? *uses:' "${workflows[@]}" | grep -vE 'uses: ([A-Za-z0-9_/-]+@[0-9a-f]{40} # v[0-9.]+|\./\.github/workflows/[a-z]+\.yml)$') || return 0
  printf '%s\n' "$unpinned"
  return 1
}
check "workflows actions are pinned by commit" pinned

# Whatever is not said may be written with: each workflow begins with reading.
reading() {
  local file
  for file in "${workflows[@]}"; do
    grep -A1 '^permissions:$' "$file" | grep -qx '  contents: read' || {
      echo "$file does not begin with permissions: contents: read"
      return 1
    }
  done
}
check "workflows begin without rights" reading

check "workflows scripts" silent shellcheck --external-sources --shell=bash \
  "$root/.ci/run" "$root/.ci/dist" "$root/.ci/package" "$root/.ci/reproduce" "$root/.ci/sbom" "$root/tests/clients/run" "$here/run" \
  "$root/tests/endurance/run" "$root/tests/fuzz/run" "$root/tests/fuzz/seed" "$root/tests/fuzz/rustc" "$root/tests/mutants/run" \
  "$root/benches/peers/run"

# The notes of a release are what the changelog says of its version.
notes() {
  local version script
  version=$("$work/docent" --version)
  version=${version#docent }
  script=$(grep -E "^ +awk " "$root/.github/workflows/release.yml")
  (cd "$work" && cp "$root/CHANGELOG.md" . && VERSION=$version bash -euc "$script")
  grep -q '^\* added: ' "$work/notes.md" && ! grep -q '^## ' "$work/notes.md"
}
check "workflows notes of a release" notes

# What a release is packed from, with the program at hand.
packed() {
  local archive listing file
  DOCENT_BIN="$work/docent" "$root/.ci/package" x86_64-unknown-linux-gnu "$work/out" &&
    archive=$(ls "$work"/out/docent-*-x86_64-unknown-linux-gnu.tar.gz) &&
    listing=$(tar --list --file "$archive")
  for file in docent LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md deploy/docent.service man/docent.1 man/docent-serve.1 \
    completions/docent.bash completions/_docent completions/docent.fish completions/_docent.ps1 completions/docent.elv; do
    grep -qE "^docent-[^/]+/$file$" <<<"$listing" || {
      printf 'without %s:\n%s\n' "$file" "$listing"
      return 1
    }
  done
}
check "workflows package of a release" packed
