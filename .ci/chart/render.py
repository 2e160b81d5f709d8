"""Renders the chart with Helm's own library, and checks the manifests against Kubernetes' schemas.

render.py CHART reads a JSON list of values from standard input, and prints for each the fault of
the values; or the manifests, their faults and what lint says. Kinds of operators have the schemas
of their definitions in `crds` beside this file, which .ci/run fetches.
"""

import json
import sys
from pathlib import Path

import helm_python as helm
import jsonschema
import kubernetes_validate as kubernetes
import yaml

# The oldest version that the chart allows, and the newest.
VERSIONS = ["1.30", "1.37"]


def closed(schema):
    """Fields that a schema does not name are faults: Kubernetes would drop them silently."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(one) for name, one in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        inner["additionalProperties"] = False
    return inner


def definitions():
    for file in Path(__file__).with_name("crds").glob("*.yaml"):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            kind = f"{spec['group']}/{version['name']} {spec['names']['kind']}"
            yield kind, jsonschema.Draft4Validator(closed(version["schema"]["openAPIV3Schema"]))


OPERATORS = dict(definitions())


def faults_of_operator(manifest):
    schema = OPERATORS.get(f"{manifest['apiVersion']} {manifest['kind']}")
    if schema is None:
        yield f"{manifest['kind']} has no schema"
        return
    for error in schema.iter_errors(manifest):
        yield f"{manifest['kind']}: {'.'.join(str(item) for item in error.path)}: {error.message}"


def faults_of(manifest):
    for version in VERSIONS:
        try:
            kubernetes.validate(manifest, version, strict=True)
        except kubernetes.ValidationError as error:
            where = ".".join(str(item) for item in error.path)
            yield f"{manifest['kind']} in {version}: {where}: {error.message}"
        except kubernetes.SchemaNotFoundError:
            yield from faults_of_operator(manifest)


def render(path, values):
    try:
        with helm.Chart.load(path) as chart:
            chart.validate_schema(values)
            files = chart.render(values, name="millrace", namespace="shop", is_install=True)
    except helm.HelmValuesError as error:
        return {"refused": str(error)}
    report = helm.lint(path, values, strict=True)
    lint = [message["error"] for message in report["messages"]] + report["errors"]
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    manifests = [one for text in texts for one in yaml.safe_load_all(text) if one]
    faults = sorted({fault for one in manifests for fault in faults_of(one)})
    return {"lint": lint, "manifests": manifests, "faults": faults}


json.dump([render(sys.argv[1], values) for values in json.load(sys.stdin)], sys.stdout)
