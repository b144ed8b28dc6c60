#!/bin/sh
# Puts a list into the bucket of a stack, once it is valid: the next run takes
# it, without a deployment. Each version is kept for 90 days.
#
#   make list SOURCE=mine.txt             in a clone
#   SOURCE=mine.txt ./list.sh             in a release
#
# STACK (rollcall) and REGION as with deploy.sh.
set -eu
stack=${STACK:-rollcall}
aws=${AWS:-aws}
rollcall=${ROLLCALL:-rollcall}
[ -z "${REGION:-}" ] || export AWS_DEFAULT_REGION="$REGION" AWS_REGION="$REGION"

fail() { printf 'list: %s\n' "$*" >&2; exit 1; }

[ -n "${SOURCE:-}" ] || fail "name the file: SOURCE=mine.txt"
[ -f "$SOURCE" ] || fail "$SOURCE is not a file"
command -v "$aws" >/dev/null || fail "the AWS CLI ($aws) is not installed: https://docs.aws.amazon.com/cli"
command -v "$rollcall" >/dev/null || fail "the program rollcall is not installed: without it the list can't be validated"
"$rollcall" validate "$SOURCE" || fail "$SOURCE was not uploaded"

bucket=$("$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
	--query "Stacks[0].Outputs[?OutputKey=='ListBucket'].OutputValue | [0]") || fail "the stack $stack could not be read"
[ "$bucket" != None ] || fail "the stack $stack has no bucket for lists: deploy this version first"
current=$("$aws" cloudformation describe-stacks --stack-name "$stack" --output text \
	--query "Stacks[0].Parameters[?ParameterKey=='Source'].ParameterValue | [0]")

# The list that the stack reads is replaced where the format, which the ending
# says, is the same.
ending() { printf '%s' "${1##*/}" | sed -n -E 's/^[^.]+(\..*)$/\1/p'; }
key=$(basename "$SOURCE")
case $current in
"s3://$bucket/"*\?versionId=*) fail "the stack reads one version of its list ($current): deploy it without ?versionId first" ;;
"s3://$bucket/"*) [ "$(ending "$current")" != "$(ending "$SOURCE")" ] || key=${current#"s3://$bucket/"} ;;
esac
version=$("$aws" s3api put-object --bucket "$bucket" --key "$key" --body "$SOURCE" --output text --query VersionId)
echo "uploaded: s3://$bucket/$key, version $version"
if [ "$current" = "s3://$bucket/$key" ]; then
	echo "The next run of $stack takes it. To go back to an older one:"
	echo "  aws s3api list-object-versions --bucket $bucket --prefix $key"
	echo "  aws s3api copy-object --bucket $bucket --key $key --copy-source '$bucket/$key?versionId=VERSION'"
else
	echo "The stack $stack reads $current. To have it read this one:"
	echo "  make deploy STACK=$stack SOURCE=s3://$bucket/$key"
fi
