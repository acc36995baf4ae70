/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <png.h>

#include "modules/captcha/picture.h"
#include "stanzad/rand.h"

enum { WIDTH = 220, HEIGHT = 80, MARGIN = 14, SHADES = 16, STEPS = 6, POINTS_MAX = 12 };

struct point {
	float x, y;
};

/* How strong the ink is, 0 to 1. */
struct canvas {
	float ink[HEIGHT][WIDTH];
	/* The waves that bend everything. */
	float amplitude[2], length[2], phase[2];
};

/* From 0 to below limit. */
static float chance(float limit)
{
	return (float)(rand_u64() >> 40) / (float)(1 << 24) * limit;
}

static float between(float low, float high)
{
	return low + chance(high - low);
}

/* --- ink ------------------------------------------------------------------------------------------------ */

static float distance(struct point p, struct point a, struct point b)
{
	float dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
	float t = square > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / square : 0;
	t = fminf(1, fmaxf(0, t));
	return hypotf(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

static int within(float value, int limit)
{
	return value < 0 ? 0 : value >= (float)limit ? limit : (int)value;
}

static void line(struct canvas *canvas, struct point a, struct point b, float radius)
{
	int left = within(fminf(a.x, b.x) - radius - 1, WIDTH), right = within(fmaxf(a.x, b.x) + radius + 2, WIDTH);
	int top = within(fminf(a.y, b.y) - radius - 1, HEIGHT), low = within(fmaxf(a.y, b.y) + radius + 2, HEIGHT);
	for (int y = top; y < low; y++) {
		for (int x = left; x < right; x++) {
			float far = distance((struct point){(float)x, (float)y}, a, b);
			float ink = fminf(1, fmaxf(0, radius + 0.5F - far));
			canvas->ink[y][x] = fmaxf(canvas->ink[y][x], ink);
		}
	}
}

static struct point bend(const struct canvas *canvas, struct point p)
{
	return (struct point){
	    p.x + canvas->amplitude[0] * sinf(p.y / canvas->length[0] + canvas->phase[0]),
	    p.y + canvas->amplitude[1] * sinf(p.x / canvas->length[1] + canvas->phase[1]),
	};
}

/* --- digits --------------------------------------------------------------------------------------------- */

/* In a box 10 wide and 16 high; a point is two digits, 0 to 9 and then a to g. Points are joined by a curve, or by
 * straight lines behind a '/'. */
static const char *const strokes[10][2] = {
    {"50 14 08 1c 5g 9c a8 94 50"},
    {"/14 50 5g", "/1g 9g"},
    {"04 21 50 91 a4 97 5b 0g", "/0g ag"},
    {"02 40 91 a4 87 48", "48 89 ac 9f 5g 0e"},
    {"/60 0a aa", "/73 7g"},
    {"/90 10 07", "07 47 99 ab 9e 5g 0e"},
    {"81 33 09 1e 5g 9e ab 87 47 1a"},
    {"/00 a0 3g"},
    {"58 14 22 50 82 94 58", "58 0c 2f 5g 8f ac 58"},
    {"2f 7d a7 92 50 12 05 29 69 96"},
};

static unsigned value_of(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

static unsigned read_points(const char *text, struct point *points, bool *straight_r)
{
	unsigned count = 0;
	*straight_r = *text == '/';
	for (const char *at = text + *straight_r; count < POINTS_MAX; at += 3) {
		points[count++] = (struct point){(float)value_of(at[0]), (float)value_of(at[1])};
		if (!at[2])
			break;
	}
	return count;
}

/* A curve through the points b and c: Catmull and Rom. */
static float spline(float a, float b, float c, float d, float t)
{
	return 0.5F * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
}

struct letter {
	struct point middle;
	float scale, turn, slant, radius;
};

static struct point place(const struct canvas *canvas, const struct letter *letter, struct point p)
{
	float y = (p.y - 8) * letter->scale, x = (p.x - 5) * letter->scale - y * letter->slant;
	float c = cosf(letter->turn), s = sinf(letter->turn);
	return bend(canvas, (struct point){letter->middle.x + x * c - y * s, letter->middle.y + x * s + y * c});
}

static void stroke(struct canvas *canvas, const struct letter *letter, const char *text)
{
	struct point points[POINTS_MAX];
	bool straight;
	unsigned count = read_points(text, points, &straight);
	struct point from = place(canvas, letter, points[0]);
	for (unsigned i = 0; i + 1 < count; i++) {
		struct point a = points[i ? i - 1 : i], b = points[i], c = points[i + 1];
		struct point d = points[i + 2 < count ? i + 2 : i + 1];
		for (int step = 1; step <= STEPS; step++) {
			float t = (float)step / STEPS;
			struct point p = straight ? (struct point){b.x + (c.x - b.x) * t, b.y + (c.y - b.y) * t}
						  : (struct point){spline(a.x, b.x, c.x, d.x, t),
							spline(a.y, b.y, c.y, d.y, t)};
			struct point to = place(canvas, letter, p);
			line(canvas, from, to, letter->radius);
			from = to;
		}
	}
}

static void put_digits(struct canvas *canvas, struct str digits)
{
	float room = (float)(WIDTH - 2 * MARGIN) / (float)digits.len;
	for (size_t i = 0; i < digits.len; i++) {
		unsigned digit = (unsigned)(digits.ptr[i] - '0') % 10;
		struct letter letter = {
		    .middle = {MARGIN + room * ((float)i + 0.5F) + between(-3, 3), HEIGHT / 2 + between(-7, 7)},
		    .scale = fminf(room / 13, 3) * between(0.9F, 1.15F),
		    .turn = between(-0.3F, 0.3F),
		    .slant = between(-0.2F, 0.2F),
		    .radius = between(1.3F, 2.2F),
		};
		for (int part = 0; part < 2 && strokes[digit][part]; part++)
			stroke(canvas, &letter, strokes[digit][part]);
	}
}

/* --- what is in the way --------------------------------------------------------------------------------- */

static void put_lines(struct canvas *canvas)
{
	for (int i = 0; i < 5; i++) {
		struct point from = {0, between(8, HEIGHT - 8)}, to = {WIDTH, between(8, HEIGHT - 8)};
		float swing = between(-14, 14), waves = between(1, 3), radius = between(0.4F, 0.9F);
		struct point last = from;
		for (int x = 4; x <= WIDTH; x += 4) {
			float t = (float)x / WIDTH;
			struct point p = {(float)x, from.y + (to.y - from.y) * t + swing * sinf(t * waves * 6.28F)};
			line(canvas, last, p, radius);
			last = p;
		}
	}
	for (int i = 0; i < 40; i++) {
		struct point p = {chance(WIDTH), chance(HEIGHT)};
		line(canvas, p, (struct point){p.x + between(-2, 2), p.y + between(-2, 2)}, between(0.3F, 1));
	}
}

/* --- the picture ---------------------------------------------------------------------------------------- */

/* Few shades, so that it stays small. */
static void to_gray(const struct canvas *canvas, png_byte *gray)
{
	float light = between(11, 14.4F), slope = between(-1.2F, 1.2F) / WIDTH, dark = between(1, 4);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			float ground = light + slope * (float)x;
			float shade = ground + (dark - ground) * canvas->ink[y][x];
			gray[y * WIDTH + x] = (png_byte)((int)fminf(SHADES - 1, fmaxf(0, shade)) * 17);
		}
	}
}

static int to_png(const png_byte *gray, struct strbuf *out, struct err *err)
{
	png_image image = {.version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = PNG_FORMAT_GRAY};
	png_alloc_size_t size = CAPTCHA_PICTURE_MAX;
	char *place = strbuf_reserve(out, size);
	int written = png_image_write_to_memory(&image, place, &size, 0, gray, WIDTH, NULL);
	png_image_free(&image);
	if (!written)
		return err_set(err, "the picture cannot be written: %s", image.message);
	out->len += size;
	return 0;
}

int captcha_picture_draw(struct str digits, struct strbuf *out, struct err *err)
{
	struct canvas canvas = {
	    .amplitude = {between(2, 4), between(3, 6)},
	    .length = {between(9, 16), between(16, 30)},
	    .phase = {chance(6.28F), chance(6.28F)},
	};
	png_byte gray[WIDTH * HEIGHT];
	put_digits(&canvas, digits);
	put_lines(&canvas);
	to_gray(&canvas, gray);
	return to_png(gray, out, err);
}
