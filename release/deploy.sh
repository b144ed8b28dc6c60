#!/bin/sh
# Deploys a stack of Rollcall, or changes one. It shows what would change and
# asks once. The stack keeps its parameters and tags: only what is named changes.
#
#   make deploy SOURCE=events/mine.txt EMAIL=me@example.com         in a clone
#   SOURCE=… EMAIL=me@example.com BUCKET=my-bucket ./deploy.sh      in a release
#
# A clone is built with Go and SAM. A release is built already; it needs the AWS
# CLI, and a bucket of the stack's Region for its code. The variables:
#
#   SOURCE    the list: a file of events/, or s3://bucket/key. A new stack needs it. In a
#             release any file, which is copied into the bucket
#   EMAIL     the address that is notified
#   STACK     the stack's name: rollcall
#   REGION    the Region: as the AWS CLI has it configured
#   ARCH      arm64 or x86_64: as deployed, else arm64
#   PARAMS    other parameters of the template: 'EveryMinutes=5 Cron="cron(0 8 * * ? *)"'
#   TAGS      tags of the stack: 'team=web stage=test'
#   YES=1     do not ask
#   REPLACE=1 the sample list may take another list's place
set -eu
here=$PWD
cd "$(dirname "$0")"
stack=${STACK:-rollcall}
aws=${AWS:-aws}
[ -z "${REGION:-}" ] || export AWS_DEFAULT_REGION="$REGION" AWS_REGION="$REGION"
sample=events/gafam.json

fail() { printf 'deploy: %s\n' "$*" >&2; exit 1; }

command -v "$aws" >/dev/null || fail "the AWS CLI ($aws) is not installed: https://docs.aws.amazon.com/cli"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# read_stack writes the stack's parameters and tags, a line "name<tab>value" each.
# It fails where there is no stack. A stack that waits for its first change set is none.
read_stack() {
	if ! "$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
		--query 'Stacks[0].StackStatus' >"$work/status" 2>"$work/error"; then
		grep -q 'does not exist' "$work/error" && return 1
		cat "$work/error" >&2
		fail "the stack $stack could not be read. Are there credentials, and is the Region right?"
	fi
	[ "$(cat "$work/status")" != REVIEW_IN_PROGRESS ] || return 1
	"$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
		--query 'Stacks[0].[CreationTime,LastUpdatedTime]' >"$work/changed"
	"$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
		--query 'Stacks[0].Parameters[].[ParameterKey,ParameterValue]' >"$work/parameters"
	"$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
		--query 'Stacks[0].Tags[].[Key,Value]' >"$work/tags"
}

# value FILE NAME prints the value of a name.
value() { awk -F '\t' -v name="$2" '$1 == name { print $2 }' "$1"; }

# words TEXT prints Key=Value words, a line each; quotes hold a word together.
words() { printf '%s' "$1" | xargs -n 1 printf '%s\n' | sed '/^$/d'; }

: >"$work/parameters"
: >"$work/tags"
: >"$work/changed"
if read_stack; then
	there=yes
	deployed=$(value "$work/parameters" Source)
	case $(cat "$work/status") in
	ROLLBACK_COMPLETE) fail "the stack $stack was never made whole (ROLLBACK_COMPLETE). Delete it first: aws cloudformation delete-stack --stack-name $stack" ;;
	*_IN_PROGRESS) fail "the stack $stack is being changed ($(cat "$work/status")). Wait for its end" ;;
	esac
else
	there=no
	deployed=
	[ -n "${SOURCE:-}" ] || fail "there is no stack $stack yet: name its list, SOURCE=events/mine.txt"
fi
cp "$work/changed" "$work/changed-before"
source=${SOURCE:-$deployed}
arch=${ARCH:-$(value "$work/parameters" Architecture)}
arch=${arch:-arm64}
case $arch in arm64 | x86_64) ;; *) fail "ARCH is \"$arch\": it must be arm64 or x86_64" ;; esac
if [ "$source" = "$sample" ] && [ "$there" = yes ] && [ "$deployed" != "$sample" ] && [ "${REPLACE:-}" != 1 ]; then
	fail "the stack $stack watches $deployed. $sample is the sample: it takes that list's place with REPLACE=1 only"
fi

# A release has no list but the sample: another file goes into the bucket.
if [ -f VERSION ]; then
	[ -n "${BUCKET:-}" ] || fail "name a bucket of the stack's Region for the code: BUCKET=…"
	case ${SOURCE:-} in
	"" | s3://* | "$sample") ;;
	*)
		case $SOURCE in /*) ;; *) SOURCE=$here/$SOURCE ;; esac
		[ -f "$SOURCE" ] || fail "SOURCE: there is no file $SOURCE"
		"$aws" s3 cp --only-show-errors "$SOURCE" "s3://$BUCKET/rollcall/lists/$stack/$(basename "$SOURCE")"
		SOURCE="s3://$BUCKET/rollcall/lists/$stack/$(basename "$SOURCE")"
		source=$SOURCE
		;;
	esac
else
	case $source in
	s3://*) ;;
	*) [ -f "../$source" ] || fail "this clone has no $source. Bring it here, or keep lists in S3 (make list), which no deployment needs" ;;
	esac
fi

# What this call names. The architecture always goes along: a list of overrides
# keeps sam from those that an older samconfig.toml may have.
{
	printf 'Architecture=%s\n' "$arch"
	[ -z "${SOURCE:-}" ] || printf 'Source=%s\n' "$SOURCE"
	[ -z "${EMAIL:-}" ] || printf 'Email=%s\n' "$EMAIL"
	[ "$there" = yes ] || [ -z "${RUNBOOK:-}" ] || printf 'RunbookBase=%s\n' "$RUNBOOK"
	words "${PARAMS:-}"
} >"$work/named"
bad=$(grep -v '^[A-Za-z0-9]\{1,\}=' "$work/named" || true)
[ -z "$bad" ] || fail "PARAMS: \"$bad\" is not Name=value"
parts=$(sed -n 's/^Parts=//p' "$work/named")
parts=${parts:-$(value "$work/parameters" Parts)}
case ${parts:-0}/$source in
0/* | */s3://*) ;;
*) fail "Parts needs a list in S3, of which all parts read one version: make list puts $source there" ;;
esac
# CloudFormation takes tags away that are not sent again.
{
	words "${TAGS:-}"
	while IFS="$(printf '\t')" read -r key tag; do
		words "${TAGS:-}" | grep -q "^$key=" || [ -z "$key" ] || [ "$key" = None ] || printf '%s=%s\n' "$key" "$tag"
	done <"$work/tags"
} >"$work/tagged"

if [ "$there" = yes ]; then
	echo "The stack $stack watches $deployed. Of its parameters these are sent, all others stay:"
else
	echo "A new stack, $stack, with:"
fi
sed 's/^/  /' "$work/named"

# in_clone builds and deploys with SAM, which shows the change set and asks.
in_clone() {
	"${MAKE:-make}" -C .. sam-build ARCH="$arch" SOURCE="$source" || fail "nothing was deployed: the build failed (see above)"
	set -- --stack-name "$stack" --resolve-s3 --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides
	while IFS= read -r line; do # Key="value", as sam reads values with blanks
		set -- "$@" "${line%%=*}=\"$(printf '%s' "${line#*=}" | sed 's/["\\]/\\&/g')\""
	done <"$work/named"
	if [ -s "$work/tagged" ]; then
		set -- "$@" --tags
		while IFS= read -r line; do
			set -- "$@" "\"${line%%=*}\"=\"${line#*=}\""
		done <"$work/tagged"
	fi
	if [ "${YES:-}" = 1 ]; then set -- --no-confirm-changeset "$@"; else set -- --confirm-changeset "$@"; fi
	(cd .. && SAM_CLI_TELEMETRY=0 "$SAM" deploy "$@")
}

# in_release copies the code into the bucket and deploys the plain template.
in_release() {
	version=$(tr + - <VERSION) # a + means a blank in some addresses
	for zip in *-"$arch".zip; do
		"$aws" s3 cp --only-show-errors "$zip" "s3://$BUCKET/rollcall/$version/$zip"
	done
	set -- --stack-name "$stack" --template-file template.json --s3-bucket "$BUCKET" --s3-prefix "rollcall/$version" \
		--capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
	if [ -s "$work/tagged" ]; then
		set -- "$@" --tags
		while IFS= read -r line; do set -- "$@" "$line"; done <"$work/tagged"
	fi
	set -- "$@" --parameter-overrides "CodeBucket=$BUCKET" "CodePrefix=rollcall/$version/"
	while IFS= read -r line; do set -- "$@" "$line"; done <"$work/named"
	if [ "${YES:-}" = 1 ]; then
		"$aws" cloudformation deploy "$@"
		return
	fi
	"$aws" cloudformation deploy --no-execute-changeset "$@" | tee "$work/changes"
	changes=$(grep -o 'arn:[^ ]*:changeSet/[^ ]*' "$work/changes" | tail -n 1)
	[ -n "$changes" ] || return 0 # nothing would change
	"$aws" cloudformation describe-change-set --change-set-name "$changes" --output table \
		--query 'Changes[].ResourceChange.{Action: Action, Replaced: Replacement, Resource: LogicalResourceId, Type: ResourceType}'
	printf 'Make these changes? [y/N] '
	read -r answer
	case $answer in
	y | Y | yes) ;;
	*) "$aws" cloudformation delete-change-set --change-set-name "$changes"; fail "nothing was changed" ;;
	esac
	"$aws" cloudformation execute-change-set --change-set-name "$changes"
	if [ "$there" = yes ]; then wait=stack-update-complete; else wait=stack-create-complete; fi
	"$aws" cloudformation wait "$wait" --stack-name "$stack" || fail "the changes were not made: aws cloudformation describe-stack-events --stack-name $stack says why"
}

if [ -f VERSION ]; then in_release; else in_clone; fi

# What is in force now, and what is left to do.
read_stack || fail "nothing was deployed"
if cmp -s "$work/changed" "$work/changed-before"; then
	printf '\nNothing was changed. '
else
	printf '\nThe stack %s is deployed. ' "$stack"
fi
"$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
	--query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' >"$work/outputs"
"$aws" cloudformation get-template-summary --stack-name "$stack" --output text \
	--query 'Parameters[].[ParameterKey,DefaultValue]' >"$work/defaults"
echo "The parameters in force, without those at their default:"
awk -F '\t' 'NR == FNR { standard[$1] = $2; next } $2 != "" && standard[$1] != $2 || $1 ~ /^(Source|EveryMinutes|Architecture)$/ { printf "  %s=%s\n", $1, $2 }' \
	"$work/defaults" "$work/parameters" | sort
echo "Left to do:"
email=$(value "$work/parameters" Email)
topic=$(value "$work/outputs" AlertTopic)
if [ -n "$email" ]; then
	confirmed=$("$aws" sns list-subscriptions-by-topic --topic-arn "$topic" --output text \
		--query "Subscriptions[?Endpoint=='$email'].SubscriptionArn | [0]" 2>/dev/null || echo unknown)
	case $confirmed in
	arn:*) echo "  nothing: $email has confirmed that it wants to be notified" ;;
	*) echo "  follow the link in the mail from AWS to $email: until then nobody is notified" ;;
	esac
elif [ -z "$(value "$work/parameters" TopicArn)" ]; then
	echo "  nobody is notified yet: make deploy EMAIL=me@example.com, or subscribe to the topic $topic"
else
	echo "  nothing: the topic $topic is notified"
fi
echo "To try an alarm:"
echo "  aws cloudwatch set-alarm-state --alarm-name $stack-something-is-down --state-value ALARM --state-reason trial"
dashboard=$(value "$work/outputs" Dashboard)
[ -z "$dashboard" ] || printf 'The dashboard:\n  %s\n' "$dashboard"
