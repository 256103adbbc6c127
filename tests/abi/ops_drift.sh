#!/bin/sh
# usage: ops_drift.sh PYTHON PLUGIN_API SCHEMAS
# Fails, showing how they differ, when the committed ops.hpp is not what the generator writes today.
"$1" "$2/generate_ops.py" "$3" | diff -u "$2/include/saddle/ops.hpp" - && exit 0
echo "plugin-api/include/saddle/ops.hpp is stale: run plugin-api/generate_ops.py $3 > it"
exit 1
