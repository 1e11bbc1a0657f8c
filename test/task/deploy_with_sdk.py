"""Creates an endpoint and a deployment for each pair of files with the official SDK: `python deploy_with_sdk.py INFO ENDPOINT DEPLOYMENT ...`.
What it sends counts, not what the service then says of it."""

import json
import sys

from azure.ai.ml import MLClient, load_online_deployment, load_online_endpoint
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential

with open(sys.argv[1], encoding="utf-8") as file:
    info = json.load(file)
credential = ClientSecretCredential(
    info["tenantId"], info["clientId"], info["clientSecret"], authority=info["authority"], disable_instance_discovery=True
)
client = MLClient(credential, info["subscriptionId"], info["resourceGroup"], info["workspace"])
made = set()
for endpoint_file, deployment_file in zip(sys.argv[2::2], sys.argv[3::2]):
    try:
        endpoint = load_online_endpoint(endpoint_file)
        if endpoint.name not in made:
            # A new endpoint has no deployments yet that could have traffic.
            endpoint.traffic = {}
            client.online_endpoints.begin_create_or_update(endpoint).result()
            made.add(endpoint.name)
        client.online_deployments.begin_create_or_update(
            load_online_deployment(deployment_file), skip_script_validation=True
        ).result()
    except HttpResponseError as error:
        print(error, flush=True)
