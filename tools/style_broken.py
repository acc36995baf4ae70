# SPDX-License-Identifier: Apache-2.0
"""A tree for each rule of tools/style that breaks it, and nothing else in that way.

A rule that finds nothing here is blind.
"""

C = "/* SPDX-License-Identifier: Apache-2.0 */\n"
H = C + "#pragma once\n"
OPTIONS = (C + '#include "conf/conf.h"\n'
           'const struct option conf_toplevel_options[] = {\n    {"%s", OPTION_BOOL, "true"},\n};\n')

BROKEN = {
    "ladder": {"src/xml/a.c": C + '#include "conf/conf.h"\n'},
    "outside": {"include/stanzad/a.h": H + '#include "base/mem.h"\n'},
    "module_includes": {"src/modules/mod_a/a.c": C + '#include "base/mem.h"\n'},
    "fences": {"src/route/a.c": C + "#include <uv.h>\n"},
    "cycles": {"src/base/a.h": H + '#include "base/b.h"\n', "src/base/b.h": H + '#include "base/a.h"\n'},
    "headers_alone": {"src/base/a.h": H + "uint32_t a(void);\n"},
    "pragma_once": {"src/base/a.h": C + "int a(void);\n"},
    "commented": {"include/stanzad/a.h": H + "/* A. */\nint a(void);\nint b(void);\n\nint c(void);\n"},
    "include_order": {"src/base/a.c": C + '#include "base/a.h"\n\n#include <stdlib.h>\n#include <stdio.h>\n'},
    "spdx": {"src/base/a.c": "int a;\n"},
    "readme": {"src/base/a.c": C},
    "file_length": {"src/base/a.c": C + "int a;\n" * 1000},
    "function_length": {"src/base/a.c": C + "int a(void)\n{\n" + "\ta();\n" * 99 + "}\n"},
    "width": {"src/base/a.c": C + "\t" * 14 + "/* " + "a" * 10 + "\n"},
    "line_ends": {"src/base/a.c": C + "int a; \n"},
    "open_ends": {"src/base/a.c": C + "<" * 7 + " HEAD\n"},
    "typedefs": {"src/base/a.h": H + "typedef struct a a_t;\n"},
    "hooks": {"include/stanzad/hooks.def": C + 'HOOK(a, NOTICE, MAIN, "happens")\n', "include/stanzad/hooks.h": H},
    "hooks_told": {"include/stanzad/hooks.def": C + 'HOOK(a, NOTICE, MAIN, "happens")\n',
                   "docs/HOOKS.md": "| `a` | notice | home | |\n"},
    "options": {"src/conf/toplevel.c": OPTIONS % "unread"},
    "scripts": {"tools/a": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nif true\n"},
    "runnable": {"tools/a": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"},
}
