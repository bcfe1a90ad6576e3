# The Compose file: it fits its schema, and its parts fit each other.

sed 's/read_only: true/read_onyl: true/' "$root/deploy/compose.yaml" >"$work/misspelt.yaml"
check "compose schema" check-jsonschema --builtin-schema vendor.compose-spec "$root/deploy/compose.yaml"
check "compose schema finds a mistake" fails_with read_onyl \
  check-jsonschema --builtin-schema vendor.compose-spec "$work/misspelt.yaml"
check "compose parts fit together" python "$here/services.py" "$root/deploy"
