#pragma once

namespace saddle::worker {

// Answers one request on stdin:
//   {"files": [{"file": path, "only": [["loss", "hinge"]] or null}], "set": {parameter: value},
//    "facts": {fact: value}, "inputs": {input: [sizes of one sample]}, "timeout_s": number, "json": bool}
// or {"rules": true, "json": bool}. Returns the program's exit code: 1 when a rule does not hold.
int check_command();

}  // namespace saddle::worker
