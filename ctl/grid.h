/* SPDX-License-Identifier: Apache-2.0 */
/* Text in rows and columns. A zeroed one with columns set is empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct grid {
	size_t columns;
	char **cells; /* row by row */
	size_t count;
};

/* Adds the next cell, row by row; text is taken over. */
void grid_put(struct grid *grid, char *text);
/* The columns aligned by spaces, or apart by tabs. */
void grid_print(const struct grid *grid, FILE *to, bool aligned);
void grid_fini(struct grid *grid);
