# Shortcuts for CMake and the scripts. `make` lists them.
#
# Variables: BUILD (folder, "build"), CMAKE_FLAGS (e.g. -DSEGMIND_EMULATOR=OFF),
# JOBS, PREFIX and DESTDIR (of install), LUA (5.4, 5.3 or luajit: test only that one),
# SPEC (specs by name, file or folder, or busted's options, instead of everything),
# SANITIZE ("address,undefined" or "thread"), OUT (the demo's folder),
# FUZZ_SECONDS (of each fuzz target), FUZZ (targets, instead of all),
# TORTURE_STEP (try only each so manyth call), SOAK_JOBS, SOAK_CHAINS.

BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
OUT ?= out
PREFIX ?= /usr/local
SANITIZE ?= address,undefined
FUZZ_SECONDS ?= 20
LUAS ?= 5.4 5.3 luajit
ifeq ($(origin LUA),command line)
LUAS := $(LUA)
endif

# A path as one word of the shell, whatever is in it; not every shell expands
# the ~ of PREFIX=~/x.
quoted = '$(subst ','\'',$(patsubst ~/%,$(HOME)/%,$(1)))'
build = $(call quoted,$(BUILD))
configure = cmake -S . $(CMAKE_FLAGS)
# cmake starts a make of its own, with a -j of its own: it gets nothing of ours.
compile = MAKEFLAGS=--no-print-directory cmake --build $(1) --parallel $(JOBS)

.PHONY: help deps build nvim love man types demo test test-54 test-53 test-jit \
	lint sanitize valgrind fuzz torture soak machines bench env install uninstall \
	deb rock dist clean test-posix macos-check musl-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / \
	  { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

deps: ## install what building, testing and linting need (Debian), or list it
	@.ci/dependencies build test lint

build: ## build the modules for every Lua, the emulator, the tests
	@.ci/dependencies build
	@$(configure) -B $(build)
	@$(call compile,$(build))

nvim: ## build the core for Neovim into lua/segmind; installs nothing
	@JOBS=$(JOBS) tools/build-core lua/segmind $(CMAKE_FLAGS)

love: ## make the LÖVE example one file that runs by itself, in out/
	@JOBS=$(JOBS) examples/love/pack.sh $(call quoted,$(OUT)) $(CMAKE_FLAGS)

man: ## write the man page and the completions from what the command line declares
	@LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$(BUILD)/lib/lua/5.4/?.so;;" lua5.4 -e \
	  'io.write(require("segmind.cli.man").page())' >doc/segmind.1.new
	@mv doc/segmind.1.new doc/segmind.1
	@for pair in bash:segmind zsh:_segmind fish:segmind.fish; do \
	  LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$(BUILD)/lib/lua/5.4/?.so;;" lua5.4 -e \
	    'io.write(require("segmind.cli.completion").script(arg[1]), "\n")' /dev/null \
	    "$${pair%:*}" >"doc/completions/$${pair#*:}"; done

types: ## write the editor's types and doc/api.md from tables and comments
	@lua5.4 lua/segmind/models/export.lua types >doc/types.new
	@mv doc/types.new lua/segmind/meta/types.lua
	@lua5.4 tools/api.lua >doc/api.new
	@mv doc/api.new doc/api.md

demo: ## run a branching edit on the emulator; pictures and report in out/
	@.ci/dependencies demo
	@$(configure) -B $(build)
	@$(call compile,$(build)) --target demo-programs
	@examples/demo.sh $(build) $(call quoted,$(OUT))

test: ## run every test, on every Lua (LUA=5.3: on one; SPEC=file: only that)
	@.ci/dependencies build test
	@$(configure) -B $(build)
	@$(call compile,$(build))
	@spec/suite.sh $(build) "$(LUAS)" $(SPEC)

test-54: LUAS := 5.4
test-54: test ## the same on Lua 5.4 alone
test-53: LUAS := 5.3
test-53: test ## the same on Lua 5.3 alone
test-jit: LUAS := luajit
test-jit: test ## the same on LuaJIT alone

test-posix: ## on Lua 5.4, with nothing but what POSIX has (SEGMIND_POSIX)
	@.ci/dependencies build test
	@$(configure) -B build-posix -DSEGMIND_POSIX=ON -DSEGMIND_LUAS=5.4
	@$(call compile,build-posix)
	@spec/suite.sh build-posix 5.4 $(SPEC)

macos-check: ## compile and link for macOS on both processors (compiler by npm)
	@.ci/dependencies build cross
	@JOBS=$(JOBS) .ci/cross build-cross aarch64-macos x86_64-macos

musl-check: ## compile and link for musl, and run the C tests that need only it
	@.ci/dependencies build cross
	@JOBS=$(JOBS) .ci/cross build-cross x86_64-linux-musl

lint: ## luacheck, clang-format, clang-tidy, a build where warnings are errors
	@.ci/dependencies build lint
	@JOBS=$(JOBS) .ci/lint

sanitize: ## the whole suite under ASan and UBSan (SANITIZE=thread: under TSan)
	@.ci/dependencies sanitize
	@$(configure) -B build-sanitize -DSEGMIND_SANITIZE="$(SANITIZE)"
	@$(call compile,build-sanitize)
	@SEGMIND_RANDOM_CHAINS=300 SEGMIND_BYTES_STEP=7 SEGMIND_SPEC_SECONDS=1500 spec/suite.sh build-sanitize "$(LUAS)" $(SPEC)

valgrind: ## the C tests and some specs on Lua 5.4 under valgrind
	@.ci/dependencies build test valgrind
	@$(configure) -B $(build)
	@$(call compile,$(build))
	@spec/valgrind.sh $(build) $(SPEC)

fuzz: ## libFuzzer over what a server or a caller may say (FUZZ_SECONDS=20)
	@.ci/dependencies build fuzz
	@CC=clang $(configure) -B build-fuzz -DSEGMIND_FUZZ=ON -DSEGMIND_EMULATOR=OFF
	@$(call compile,build-fuzz) --target fuzz
	@JOBS=$(JOBS) spec/fuzz/run.sh build-fuzz $(FUZZ_SECONDS) $(FUZZ)

torture: ## memory out at every allocation, kills and disk errors at every call
	@.ci/dependencies sanitize torture
	@$(configure) -B build-torture -DSEGMIND_SANITIZE=address,undefined
	@$(call compile,build-torture)
	@JOBS=$(JOBS) spec/torture/run.sh build-torture

soak: ## a long life: 100,000 jobs, 10,000 chains (SOAK_JOBS, SOAK_CHAINS)
	@.ci/dependencies build test
	@$(configure) -B $(build)
	@$(call compile,$(build))
	@spec/soak.sh $(build)

machines: ## workers on one ledger, killed each second, beside a server that goes away
	@.ci/dependencies build test
	@$(configure) -B $(build)
	@$(call compile,$(build))
	@spec/machines.sh $(build)

bench: ## measure (not a test): figures on the terminal
	@.ci/dependencies build bench
	@$(configure) -B $(build)
	@$(call compile,$(build))
	@bench/run.sh $(build)

env: ## print exports that let lua5.4, lua5.3, luajit use the build tree
	@.ci/environment $(build)

prefix = $(call quoted,$(PREFIX)) $(call quoted,$(DESTDIR))

install: ## install below PREFIX, for every Lua built for; prints exports it needs
	@.ci/dependencies build
	@$(configure) -B $(build)
	@$(call compile,$(build)) --target installed-programs
	@.ci/install $(build) $(prefix)

uninstall: ## remove what make install put below PREFIX
	@.ci/install --remove $(prefix)

deb: ## build the Debian packages in build/deb and try them in a clean system
	@.ci/dependencies build deb
	@JOBS=$(JOBS) .ci/deb $(call quoted,$(BUILD)/deb)

rock: ## build rocks for Lua 5.4 and LuaJIT below build/rock; their specs
	@.ci/dependencies build test rock
	@MAKEFLAGS=--no-print-directory .ci/rock $(call quoted,$(BUILD)/rock) $(SPEC)

dist: ## archive and rockspec of a release in dist/ (URL=, HOMEPAGE=, ISSUES=)
	@.ci/dependencies build rock
	@URL=$(call quoted,$(URL)) HOMEPAGE=$(call quoted,$(HOMEPAGE)) \
	  ISSUES=$(call quoted,$(ISSUES)) MAKEFLAGS=--no-print-directory \
	  .ci/dist $(call quoted,$(VERSION))

clean: ## remove what was built (out/, the demo's pictures, stays)
	rm -rf $(build) build-lint build-sanitize build-fuzz build-torture \
	  build-luajit build-posix build-cross build.luarocks dist lua/segmind/*.so
