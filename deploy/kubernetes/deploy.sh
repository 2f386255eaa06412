#!/usr/bin/env bash
# Build, check, make the ConfigMap, apply, wait, show: Coze Studio with its plugins on Kubernetes.
#
#   deploy/kubernetes/deploy.sh PLUGIN_DIR
#
# From the environment:
#   NAMESPACE  coze-studio         FORMAT   configmap, or secret where the plugins hold tokens
#   IMAGE      coze-studio:latest  CONTEXT  a directory to build IMAGE from; empty: it is there already
#   PUSH       1 pushes IMAGE      TIMEOUT  300s, for the rollout
#   KUBECTL, DOCKER, CONFIGVAULT   the programs
set -euo pipefail

plugins=${1:?usage: deploy.sh PLUGIN_DIR}
namespace=${NAMESPACE:-coze-studio}
image=${IMAGE:-coze-studio:latest}
format=${FORMAT:-configmap}
kubectl=${KUBECTL:-kubectl}
configvault=${CONFIGVAULT:-configvault}
manifest=$(dirname "$0")/coze-studio.yaml

# A path with a slash is a directory to configvault, never a reference.
case $plugins in */*) ;; *) plugins=./$plugins ;; esac

echo "==> check $plugins"
$configvault check "$plugins" --profile coze

if [ -n "${CONTEXT:-}" ]; then
  echo "==> build $image"
  ${DOCKER:-docker} build --tag "$image" "$CONTEXT"
  if [ "${PUSH:-}" = 1 ]; then ${DOCKER:-docker} push "$image"; fi
fi

# All of it is made before any of it is applied.
volume=$($configvault export "$plugins" --format "$format" --name coze-plugins --items --json | tr -d '\n')
object=$($configvault export "$plugins" --format "$format" --name coze-plugins --namespace "$namespace")
all=$(sed \
  -e "s|^\( *\)- {name: coze-plugins, configMap: .*|\1- $(printf %s "$volume" | sed 's/[&|\\]/\\&/g')|" \
  -e "s|image: coze-studio:latest|image: $image|" \
  -e "s|^\( *\)namespace: coze-studio$|\1namespace: $namespace|" \
  -e "/^kind: Namespace/,/^---/ s|name: coze-studio|name: $namespace|" \
  "$manifest")

# Server-side: what a client-side apply repeats in an annotation must be below 256 KiB.
echo "==> apply to namespace $namespace"
printf '%s\n' "$all" | sed '/^---/q' | $kubectl apply --server-side -f -
printf '%s\n' "$object" | $kubectl apply --server-side --force-conflicts -f -
printf '%s\n' "$all" | $kubectl apply --server-side -f -

echo "==> wait"
$kubectl --namespace "$namespace" rollout status deployment/coze-studio "--timeout=${TIMEOUT:-300s}"
$kubectl --namespace "$namespace" get pods,services,ingress
