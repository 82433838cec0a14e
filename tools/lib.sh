# Shared by the scripts beside it: where the tree is, how to speak, how to build. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly node_wanted=20 # the oldest major version that runs the tests' clients

say() {
	printf '%s: %s\n' "$(basename "$0")" "$*"
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Configures build/NAME unless that has been done with the same compiler and options already.
configure() { # NAME CC OPTION...
	local dir=$root/build/$1 cc=$2 wanted stamp
	shift 2
	wanted="CC=$cc $*"
	stamp=$dir/.tidegate-options
	if [[ -f $dir/build.ninja && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
		return
	fi
	rm -rf "$dir"
	CC=$cc meson setup "$dir" "$root" "$@" || return
	printf '%s\n' "$wanted" >"$stamp"
}

# The options of what runs in production.
release_options() {
	printf '%s\n' --buildtype=release -Db_lto=true -Djemalloc=enabled -Dsystemd=enabled -Dcluster=enabled
}

# What tools/start runs, in build/release.
configure_release() {
	local options=()
	mapfile -t options < <(release_options)
	configure release "${CC:-gcc}" "${options[@]}" -Dtests=disabled
}

# Prints the node that runs the tests' clients; fails where there is none that is new enough.
find_node() {
	local node major
	for node in "$(type -P node || true)" "$root/build/node/node_modules/.bin/node"; do
		[[ -n $node && -x $node ]] || continue
		major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || continue
		if ((major >= node_wanted)); then
			printf '%s\n' "$node"
			return
		fi
	done
	return 1
}
