# SPDX-License-Identifier: Apache-2.0
# The commands that people type; Meson does the work.

PREFIX ?= /usr/local
DESTDIR ?=
prefix ?= $(PREFIX)

.PHONY: all run check install torture bench fuzz clean

all: build/build.ninja
	@ninja -C build stanzad stanzactl

build/build.ninja:
	@tools/dependencies build
	@meson setup build --buildtype=debugoptimized -Doptimization=2 --prefix=$(abspath $(prefix)) \
		>build.log 2>&1 || \
		{ cat build.log; exit 1; }
	@rm -f build.log

run: all
	@mkdir -p .run/data
	@exec build/stanzad --welcome --data-dir .run/data $(if $(CONFIG),--config $(CONFIG))

check:
	@tools/dependencies check
	@tools/check

install: build/build.ninja
	@meson configure build --prefix=$(abspath $(prefix))
	@ninja -C build
	@DESTDIR=$(DESTDIR) meson install -C build --no-rebuild --quiet

# Kills a server with -9 again and again under load, and checks the books.
torture: all
	@tools/dependencies check
	@STANZAD_BUILD=$(abspath build) STANZAD_TEST_CRASHES=$(or $(CRASHES),300) \
		tests/functional/run -s -k test_torture

bench: all
	@ninja -C build bench-programs
	@tools/dependencies bench
	@bench/compare --build build

fuzz:
	@tools/dependencies check
	@tools/fuzz

clean:
	rm -rf build build-check build-fuzz
