"""Turns template.yaml into a plain CloudFormation template, by SAM's own
translator: for who has neither SAM nor Go. The code comes from a bucket.

    plain_template.py template.yaml VERSION > template.json
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks for one

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

ZIPS = {"CheckFunction": "check", "NotifyFunction": "notify"}


class NoManagedPolicies:
    """Our functions have roles of their own."""

    def load(self):
        return {}


def main(path, version):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    functions = [name for name, r in template["Resources"].items() if r["Type"] == "AWS::Serverless::Function"]
    for name in functions:
        # Something that the translator takes; what is meant stands below. It would resolve a reference by its default.
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "key"}
    plain = json.loads(json.dumps(transform(template, {}, NoManagedPolicies())))
    for name in functions:
        plain["Resources"][name]["Properties"]["Code"] = {
            "S3Bucket": {"Ref": "CodeBucket"},
            "S3Key": {"Fn::Sub": "${CodePrefix}" + ZIPS[name] + "-${Architecture}.zip"},
        }
        plain["Resources"][name].get("Metadata", {}).pop("BuildMethod", None)
    plain["Parameters"]["CodeBucket"] = {
        "Type": "String",
        "Description": "A bucket of this Region that holds the zips of this release.",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    }
    plain["Parameters"]["CodePrefix"] = {
        "Type": "String",
        "Default": f"rollcall/{version}/",
        "Description": "What is before the zips' names in that bucket.",
    }
    groups = plain["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.append({"Label": {"default": "Where the code is"}, "Parameters": ["CodeBucket", "CodePrefix"]})
    plain["Description"] += f" Release {version}."
    json.dump(plain, sys.stdout, separators=(",", ":"))
    print()


main(*sys.argv[1:])
