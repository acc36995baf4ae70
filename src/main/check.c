/* SPDX-License-Identifier: Apache-2.0 */
#include "main/check.h"

#include <stdio.h>

#include "main/report.h"

int check_configuration(const char *path)
{
	struct conf *conf = NULL;
	struct conf_report report = {0};
	struct strbuf out = {0};
	int rc = conf_load(path, &conf, &report);
	report_write(&report, &out);
	if (out.len)
		fwrite(out.ptr, 1, out.len, stdout);
	if (rc < 0)
		printf("%zu error%s: the server would not start.\n", report.errors,
		    report.errors == 1 ? "" : "s");
	else
		printf("The configuration is usable.\n");
	strbuf_fini(&out);
	conf_report_fini(&report);
	conf_unref(&conf);
	return rc < 0;
}
