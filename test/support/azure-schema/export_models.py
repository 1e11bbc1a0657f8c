"""Writes what an official Python SDK knows of one version of an API as JSON: operations (method, path, query, body) and the models of their bodies.
Reads the SDK's generated sources without running them.

usage: export_models.py FOLDER API_VERSION   (FOLDER as in azure/ai/ml/_restclient; prints null when the SDK has no models of this version)
"""

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path


def main(package, api_version):
    # Found by files alone: importing the package would need all of the SDK's dependencies.
    site = Path(importlib.util.find_spec("azure").submodule_search_locations[0]).parent
    folder = site / package / ("v" + api_version.replace("-", "_"))
    if not folder.is_dir():
        return None
    enums = {}
    for file in (folder / "models").glob("*_enums.py"):
        enums.update(read_enums(parse(file)))
    models = read_models(parse(folder / "models/_models_py3.py"), enums)
    operations = [
        operation
        for file in sorted((folder / "operations").glob("_*_operations.py"))
        for operation in read_operations(parse(file))
    ]
    used = reachable([operation["body"]["model"] for operation in operations if "body" in operation], models)
    return {"operations": operations, "models": {name: models[name] for name in sorted(used)}}


def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def read_enums(module):
    return {
        item.name: [
            ast.literal_eval(line.value)
            for line in item.body
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
        ]
        for item in module.body
        if isinstance(item, ast.ClassDef)
    }


def read_models(module, enums):
    models = {}
    for item in module.body:
        if not isinstance(item, ast.ClassDef):
            continue
        tables = {
            line.targets[0].id: ast.literal_eval(line.value)
            for line in item.body
            if isinstance(line, ast.Assign)
            and isinstance(line.targets[0], ast.Name)
            and line.targets[0].id in ("_validation", "_attribute_map", "_subtype_map")
        }
        documented = dict(
            re.findall(r":vartype (\w+):\s+str or\s+~[\w.]+\.(\w+)", ast.get_docstring(item, clean=False) or "")
        )
        validation = tables.get("_validation", {})
        properties = {}
        for attribute, entry in tables.get("_attribute_map", {}).items():
            rules = validation.get(attribute, {})
            found = {"type": entry["type"], **{key: rules[key] for key in ("required", "readonly", "pattern") if key in rules}}
            if documented.get(attribute) in enums:
                found["values"] = enums[documented[attribute]]
            properties[entry["key"]] = found
        model = {"properties": properties}
        for attribute, subtypes in tables.get("_subtype_map", {}).items():
            # A base model lists its children only; theirs are found by following them.
            model["discriminator"] = {"property": tables["_attribute_map"][attribute]["key"], "subtypes": subtypes}
        models[item.name] = model
    return models


def read_operations(module):
    """Each request builder of a module, with the model that a method of the client serializes for it."""
    bodies = {}
    for item in module.body:
        if not isinstance(item, ast.ClassDef):
            continue
        for method in item.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            called = [
                call.func.id
                for call in ast.walk(method)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id.startswith("build_")
            ]
            serialized = [
                ast.literal_eval(call.args[1])
                for call in ast.walk(method)
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "self._serialize.body"
            ]
            arguments = method.args
            optional = {
                argument.arg
                for argument, default in zip(arguments.args[len(arguments.args) - len(arguments.defaults) :], arguments.defaults)
                if isinstance(default, ast.Constant) and default.value is None
            }
            for builder in called:
                if serialized:
                    bodies[builder] = {"model": serialized[0], "required": "body" not in optional}
    for item in module.body:
        if isinstance(item, ast.FunctionDef) and item.name.startswith("build_"):
            operation = read_builder(item)
            if item.name in bodies:
                operation["body"] = bodies[item.name]
            yield operation


def read_builder(function):
    operation = {"path": {}, "query": {}}
    conditional = {id(line) for block in ast.walk(function) if isinstance(block, ast.If) for line in ast.walk(block)}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "kwargs.pop" and ast.literal_eval(node.args[0]) == "template_url":
                operation["template"] = ast.literal_eval(node.args[1])
            elif name in ("HttpRequest", "_rest.HttpRequest"):
                operation["method"] = next(ast.literal_eval(word.value) for word in node.keywords if word.arg == "method")
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if isinstance(value, ast.Call) and ast.unparse(value.func) == "_SERIALIZER.url":
                    rules = {word.arg: ast.literal_eval(word.value) for word in value.keywords}
                    operation["path"][ast.literal_eval(key)] = rules.get("pattern")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript) and isinstance(node.value, ast.Call):
            if ast.unparse(node.value.func) == "_SERIALIZER.query":
                name = ast.literal_eval(node.targets[0].slice)
                operation["query"][name] = {"required": id(node) not in conditional}
    return operation


def reachable(roots, models):
    found, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in models:
            continue
        found.add(name)
        model = models[name]
        waiting += [entry["type"].strip("[]{}") for entry in model["properties"].values()]
        waiting += model.get("discriminator", {}).get("subtypes", {}).values()
    return found


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
