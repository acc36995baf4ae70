/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "admin/registry.h"

static const json_t *argument_value(const struct command_call *call, const char *argument)
{
	const json_t *value = json_object_get(call->arguments, argument);

	assert(value);
	return value;
}

struct str command_string(const struct command_call *call, const char *argument)
{
	const json_t *value = argument_value(call, argument);

	assert(json_is_string(value));
	return (struct str){json_string_value(value), json_string_length(value)};
}

int64_t command_integer(const struct command_call *call, const char *argument)
{
	const json_t *value = argument_value(call, argument);

	assert(json_is_integer(value));
	return json_integer_value(value);
}

const json_t *command_list(const struct command_call *call, const char *argument)
{
	const json_t *value = argument_value(call, argument);

	assert(json_is_array(value));
	return value;
}

enum command_outcome command_say(
    struct command_call *call, enum command_outcome outcome, const char *format, ...)
{
	va_list args;

	strbuf_reset(&call->text);
	va_start(args, format);
	strbuf_vprintf(&call->text, format, args);
	va_end(args);
	return outcome;
}

void command_call_fini(struct command_call *call)
{
	json_decref(call->arguments);
	json_decref(call->result);
	strbuf_fini(&call->text);
	*call = (struct command_call){0};
}
