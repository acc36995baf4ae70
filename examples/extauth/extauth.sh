#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An authentication program for 'auth_method: external' as a shell script. It looks its accounts up in a text file, one
# USER@HOST:PASSWORD in each line, and changes nothing.
#
# usage: extauth.sh FILE
#
# The length of a request is two bytes of any value, which a shell variable cannot hold: od turns them into numbers. dd
# takes one byte after another, because what it took too much would be missing from the next request. Both are
# processes of their own: this is for trying things out and for a few log-ins a minute.
set -eu
LC_ALL=C # ${#text} counts bytes
export LC_ALL
file=${1:?"usage: extauth.sh FILE"}

say() # $1 is 0 or 1
{
	printf '\000\002\000\00'"$1"
}

has_line() # USER@HOST:PASSWORD stands in the file
{
	while IFS= read -r line || [ -n "$line" ]; do
		[ "$line" != "$1" ] || return 0
	done <"$file"
	return 1
}

has_account() # USER@HOST
{
	while IFS= read -r line || [ -n "$line" ]; do
		[ "${line%%:*}" != "$1" ] || return 0
	done <"$file"
	return 1
}

is_good() # OP:USER:HOST or OP:USER:HOST:PASSWORD
{
	op=${1%%:*} rest=${1#*:}
	user=${rest%%:*} rest=${rest#*:}
	host=${rest%%:*} password=${rest#*:} # all the rest: it may have colons in it
	case $op in
	auth) has_line "$user@$host:$password" ;;
	isuser) has_account "$user@$host" ;;
	*) return 1 ;;
	esac
}

while :; do
	length=$(dd bs=1 count=2 2>/dev/null | od -An -tu1)
	# shellcheck disable=SC2086 # the two numbers are to be split
	set -- $length
	[ $# -eq 2 ] || exit 0 # the server has closed our input
	text=$(dd bs=1 count=$(($1 * 256 + $2)) 2>/dev/null; printf .)
	text=${text%.} # without the full stop a line end at the end would be lost
	if is_good "$text"; then say 1; else say 0; fi
done
