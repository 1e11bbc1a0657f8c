#!/usr/bin/env bash
# Gives a project in Azure DevOps what the sample pipelines need: an identity in Azure with the least roles, the service connection
# guardian-azure-connection that signs in as it without a secret, and the variable group guardian-variables.
# Needs: az with its azure-devops extension, signed in (az login) as somebody who may assign roles in the subscription and make service
# connections in the project. It can be run again: what is there already stays, and the roles become what the files beside this one say.
#   samples/azure/set-up.sh ORGANIZATION-URL PROJECT RESOURCE-GROUP WORKSPACE
set -euo pipefail

if [ $# -ne 4 ]; then
  echo "Usage: $0 ORGANIZATION-URL PROJECT RESOURCE-GROUP WORKSPACE" >&2
  exit 2
fi
organization=$1 project=$2 resource_group=$3 workspace=$4
connection=guardian-azure-connection
group=guardian-variables
identity=guardian-pipeline
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# One value of what az answers, as plain text; empty where there is none.
ask() { az "$@" --output tsv; }
devops=(--organization "$organization" --project "$project")

subscription=$(ask account show --query id)
tenant=$(ask account show --query tenantId)
scope=/subscriptions/$subscription/resourceGroups/$resource_group/providers/Microsoft.MachineLearningServices/workspaces/$workspace

echo "Identity $identity"
az identity create --name "$identity" --resource-group "$resource_group" --output none
client=$(ask identity show --name "$identity" --resource-group "$resource_group" --query clientId)
principal=$(ask identity show --name "$identity" --resource-group "$resource_group" --query principalId)

assign() { # FILE ROLE SCOPE
  echo "Role $2 on $3"
  sed "s/SUBSCRIPTION_ID/$subscription/" "$here/$1" >"$scratch/$1"
  local known
  known=$(ask role definition list --name "$2" --query '[0].name')
  if [ -n "$known" ]; then
    az role definition update --role-definition "@$scratch/$1" --output none
  else
    az role definition create --role-definition "@$scratch/$1" --output none
    # A new role is not known everywhere at once.
    for _ in $(seq 30); do
      [ -n "$(ask role definition list --name "$2" --query '[0].name')" ] && break
      sleep 5
    done
  fi
  az role assignment create --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal \
    --role "$2" --scope "$3" --output none
}
assign pipeline-role.json 'Guardian AI Pipeline' "$scope"
assign region-reader-role.json 'Guardian AI Region Reader' "/subscriptions/$subscription"

echo "Service connection $connection"
id=$(ask devops service-endpoint list "${devops[@]}" --query "[?name=='$connection'].id | [0]")
if [ -z "$id" ]; then
  cat >"$scratch/connection.json" <<JSON
{
  "name": "$connection",
  "type": "AzureRM",
  "url": "https://management.azure.com/",
  "data": {
    "subscriptionId": "$subscription",
    "subscriptionName": "$(ask account show --query name)",
    "environment": "AzureCloud",
    "scopeLevel": "Subscription",
    "creationMode": "Manual"
  },
  "authorization": {
    "scheme": "WorkloadIdentityFederation",
    "parameters": { "tenantid": "$tenant", "serviceprincipalid": "$client" }
  },
  "isShared": false,
  "isReady": true,
  "serviceEndpointProjectReferences": [
    {
      "name": "$connection",
      "projectReference": {
        "id": "$(ask devops project show --organization "$organization" --project "$project" --query id)",
        "name": "$project"
      }
    }
  ]
}
JSON
  id=$(ask devops service-endpoint create "${devops[@]}" --service-endpoint-configuration "$scratch/connection.json" --query id)
fi

# Azure DevOps says which tokens will be shown; the identity is told to trust just those.
parameter() { ask devops service-endpoint show "${devops[@]}" --id "$id" --query "authorization.parameters.$1"; }
az identity federated-credential create --name azure-devops --identity-name "$identity" --resource-group "$resource_group" \
  --issuer "$(parameter workloadIdentityFederationIssuer)" --subject "$(parameter workloadIdentityFederationSubject)" \
  --audiences api://AzureADTokenExchange --output none

echo "Variable group $group"
if [ -z "$(ask pipelines variable-group list "${devops[@]}" --group-name "$group" --query '[0].id')" ]; then
  az pipelines variable-group create "${devops[@]}" --name "$group" --output none --variables \
    "resourceGroup=$resource_group" "workspaceName=$workspace" kubernetesNamespace=guardian
fi
echo "Done. The first run of each pipeline asks once whether it may use the connection and the group."
