.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-tools lint bench deb test-deb deny diagnose-suite fluctuating-loss model onnxruntime build clean

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
OLD_ONNXRUNTIME := 1.20.1
# Without the examples, which lint checks.
TEST := cargo test --locked --tests

# A library that the user names is used as it is, and nothing is fetched.
ifeq ($(ORT_DYLIB_PATH),)
FETCH := yes
ORT_DYLIB_PATH := $(TARGET)/onnxruntime/libonnxruntime.so
endif
export ORT_DYLIB_PATH
# Debian puts mosquitto in /usr/sbin, which is not on every user's path.
export PATH := $(PATH):/usr/sbin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: onnxruntime ## watch underfoot name the surfaces under a simulated robot
# Built once and for nobody to debug, so without what either would need: somebody waits for it.
	@CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo build --locked --no-default-features --bin underfoot
	@"$(TARGET)/debug/underfoot" demo

test: test-tools onnxruntime lint ## set up, lint, then run every test
ifeq ($(FETCH)$(UNDERFOOT_TEST_ORT_OLD),yes)
	old=$$(scripts/fetch-onnxruntime $(OLD_ONNXRUNTIME)) && UNDERFOOT_TEST_ORT_OLD=$$old $(TEST)
else
	$(TEST)
endif

test-tools:
	@scripts/install-test-tools

lint: ## check the layers and sizes of src/, the format, clippy's lints and the documentation
	scripts/test-house
	scripts/house --check
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

bench: onnxruntime ## measure the parts and the whole
	cargo bench --locked
	scripts/bench

deb: ## make the Debian package
	@scripts/make-deb

test-deb: ## look at the package, and install, upgrade and purge it in a throw-away copy of this machine (as root)
	@scripts/test-deb

deny: ## check the licences, versions and origin of the crates that the programs are made of
	@deny=$$(scripts/cargo-tool cargo-deny) && cargo fetch --locked && "$$deny" --offline --locked check licenses bans sources

diagnose-suite: build ## spoil trainings one way at a time and count how often diagnose finds it
	scripts/diagnose-suite

fluctuating-loss: build ## run what docs/fluctuating-loss.md tells of
	scripts/fluctuating-loss

model: onnxruntime ## train the model that the demo runs
	scripts/make-model

onnxruntime: ## fetch the ONNX Runtime library, once, and link it into target
# The second link is the one that .cargo/config.toml names, wherever cargo builds.
ifdef FETCH
	@library=$$(scripts/fetch-onnxruntime) && for target in "$(TARGET)" target; do \
		mkdir -p "$$target/onnxruntime" && ln -sf "$$library" "$$target/onnxruntime/libonnxruntime.so" || exit; \
	done
else
	@[ -f "$$ORT_DYLIB_PATH" ] || { echo "ORT_DYLIB_PATH names $$ORT_DYLIB_PATH, which is no file;" \
		"give the path of a libonnxruntime.so of version 1.17 or later, or unset it" >&2; exit 1; }
endif

build: onnxruntime ## build both programs for release, with the library beside them
	cargo build --release --locked --bins
	@ln -sf "$$(readlink -f "$$ORT_DYLIB_PATH")" "$(TARGET)/release/libonnxruntime.so"

clean: ## remove what was built; the fetched library stays in the user's cache
	cargo clean
	@rm -rf target/onnxruntime
