"""What schemas cannot say: the manifests of a folder refer to each other, and hold to the restricted profile."""

import sys
from pathlib import Path

import yaml

deploy = Path(sys.argv[1])
folder = deploy / "kubernetes"
objects = {}
for path in [*folder.glob("*.yaml"), *folder.glob("*.example")]:
    for it in yaml.safe_load_all(path.read_text()):
        objects[it["kind"]] = it

stateful = objects["StatefulSet"]["spec"]
template = stateful["template"]
pod = template["spec"]
labels = template["metadata"]["labels"]
main = pod["containers"][0]
everyone = pod["containers"]

# Who is chosen by labels is this pod.
assert stateful["selector"]["matchLabels"] == labels
assert objects["Service"]["spec"]["selector"] == labels
assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels

# Ports go by one name all the way.
name = objects["Service"]["spec"]["ports"][0]["targetPort"]
assert [port["name"] for port in main["ports"]] == [name]
backend = objects["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
assert backend == {"name": objects["Service"]["metadata"]["name"], "port": {"name": objects["Service"]["spec"]["ports"][0]["name"]}}
assert objects["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == name
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    assert main[probe]["httpGet"]["port"] == name, probe

# Volumes are there, and are of objects that are there.
volumes = {volume["name"]: volume for volume in pod["volumes"]}
claims = {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
for container in everyone:
    for mount in container["volumeMounts"]:
        assert mount["name"] in volumes.keys() | claims, mount
assert volumes["settings"]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
assert volumes["secret"]["secret"]["secretName"] == objects["Secret"]["metadata"]["name"]
mounted = {mount["name"]: mount["mountPath"] for mount in main["volumeMounts"]}
variables = {variable["name"]: variable["value"] for variable in main["env"]}
(key,) = objects["Secret"]["stringData"]
assert variables["DOCENT_CLIENT_SECRET_FILE"] == f"{mounted['secret']}/{key}"
assert list(objects["ConfigMap"]["data"]) == ["docent.toml"]

# What is written stays where the image writes, by the image's user.
image = (deploy / "Dockerfile").read_text()
assert f"DOCENT_DATA_DIR={mounted['data']}" in image
assert f"WORKDIR {mounted['settings']}\n" in image
user = pod["securityContext"]["runAsUser"]
assert f"USER {user}:{pod['securityContext']['runAsGroup']}\n" in image
assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]

# The restricted profile of the Pod Security Standards, and a root that nobody writes.
assert pod["securityContext"]["runAsNonRoot"] is True and user != 0
assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
for container in everyone:
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"]
    assert ":" in container["image"] and not container["image"].endswith(":latest")

# One process at a time uses a data folder.
assert stateful["replicas"] == 1
