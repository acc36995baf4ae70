/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include <stdlib.h>

#include "base/mem.h"

#define GAP 2 /* spaces between aligned columns */

void grid_put(struct grid *grid, char *text)
{
	grid->cells = mem_realloc_array(grid->cells, grid->count + 1, sizeof(*grid->cells));
	grid->cells[grid->count++] = text;
}

/* In characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static size_t *widths_of(const struct grid *grid)
{
	size_t *widths = mem_zalloc(grid->columns * sizeof(*widths));

	for (size_t i = 0; i < grid->count; i++) {
		size_t width = width_of(grid->cells[i]);
		if (width > widths[i % grid->columns])
			widths[i % grid->columns] = width;
	}
	return widths;
}

void grid_print(const struct grid *grid, FILE *to, bool aligned)
{
	size_t *widths = widths_of(grid);

	for (size_t i = 0; i < grid->count; i++) {
		size_t column = i % grid->columns;
		fputs(grid->cells[i], to);
		if (column + 1 == grid->columns)
			fputc('\n', to);
		else if (aligned)
			fprintf(to, "%*s", (int)(widths[column] - width_of(grid->cells[i]) + GAP), "");
		else
			fputc('\t', to);
	}
	free(widths);
}

void grid_fini(struct grid *grid)
{
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cells[i]);
	free(grid->cells);
	*grid = (struct grid){0};
}
