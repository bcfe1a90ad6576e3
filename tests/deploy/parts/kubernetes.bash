# The manifests: each fits its schema, no name is misspelt, and together they fit each other.

manifests=("$root"/deploy/kubernetes/*.yaml "$root"/deploy/kubernetes/*.example)

sed 's/readinessProbe/readynessProbe/' "$root/deploy/kubernetes/statefulset.yaml" >"$work/misspelt.yaml"
check "kubernetes schemas of 1.37" kubernetes-validate --strict "${manifests[@]}"
check "kubernetes schemas of 1.33" kubernetes-validate --strict --kubernetes-version 1.33 "${manifests[@]}"
check "kubernetes schemas find a mistake" fails_with readynessProbe kubernetes-validate --strict "$work/misspelt.yaml"
check "kubernetes manifests fit together" python "$here/manifests.py" "$root/deploy"
