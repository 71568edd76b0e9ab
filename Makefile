.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-tools lint bench fleet-bench fleet-faults deb test-deb deny faults walk fuzz mutate diagnose-suite diagnose-problems coverage fluctuating-loss model references onnxruntime build clean

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
OLD_ONNXRUNTIME := 1.20.1
# Only the tests: `make lint` already compiles the examples.
TEST := cargo test --locked --tests

# If the user sets ORT_DYLIB_PATH, that library is used and nothing is downloaded.
ifeq ($(ORT_DYLIB_PATH),)
FETCH := yes
ORT_DYLIB_PATH := $(TARGET)/onnxruntime/libonnxruntime.so
endif
export ORT_DYLIB_PATH
# Debian puts mosquitto in /usr/sbin, which is not on every user's path.
export PATH := $(PATH):/usr/sbin

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

demo: onnxruntime ## watch underfoot name the surfaces under a simulated robot
# Built without incremental data and debug information, so that the first start is fast.
	@CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo build --locked --no-default-features --bin underfoot
	@"$(TARGET)/debug/underfoot" demo

test: test-tools onnxruntime lint ## install what the tests need, lint, then run all tests
ifeq ($(FETCH)$(UNDERFOOT_TEST_ORT_OLD),yes)
	old=$$(scripts/fetch-onnxruntime $(OLD_ONNXRUNTIME)) && UNDERFOOT_TEST_ORT_OLD=$$old $(TEST)
else
	$(TEST)
endif

test-tools:
	@scripts/install-test-tools

lint: ## check the structure of src/, formatting, clippy lints and documentation
	scripts/test-house
	scripts/house --check
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --no-deps --document-private-items --locked

bench: onnxruntime ## run the micro-benchmarks, then compare the programs with Python equivalents
	cargo bench --locked
	scripts/bench

fleet-bench: build test-tools ## measure how many robots a daemon can follow, ROBOTS (2000,5000,10000,20000) for MINUTES (1)
	scripts/fleet-bench $(if $(ROBOTS),--robots $(ROBOTS)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGUMENTS)

fleet-faults: build ## kill the nodes and NATS servers of a fleet for MINUTES (20) while ROBOTS (3000) send, and check what is promised
	scripts/fleet-faults $(if $(ROBOTS),--robots $(ROBOTS)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGUMENTS)

deb: ## build the Debian package
	@scripts/make-deb

test-deb: ## check the package, then install, upgrade and purge it in a temporary copy of this machine (as root)
	@scripts/test-deb

deny: ## check the licences, versions and sources of the dependencies
	@deny=$$(scripts/cargo-tool cargo-deny) && cargo fetch --locked && "$$deny" --offline --locked check licenses bans sources

fuzz: onnxruntime ## look for inputs that break a promise, SECONDS (60) for each target; needs a nightly toolchain
	@scripts/fuzz $(or $(SECONDS),60)

mutate: ## look for such inputs on the stable toolchain, SECONDS (60) or INPUTS for each target, or only for TARGETS
# Some targets write files; in memory they are fast.
	@[ -w /dev/shm ] && export TMPDIR=/dev/shm; \
		cargo run --quiet --locked --profile mutate -p underfoot-fuzz --bin mutate -- \
		$(if $(INPUTS),--inputs $(INPUTS),--seconds $(or $(SECONDS),60)) $(TARGETS)

faults: build ## break brokers, boards, disks and files around the daemon for 20 minutes and measure what is lost
	scripts/faults $(if $(LONG),--long) $(if $(ONLY),--only $(ONLY))

walk: build ## walk a new user's first evening with each kind of board, and print the seconds of each step
	scripts/walk $(if $(BOARDS),--boards $(BOARDS))

diagnose-suite: build ## introduce known faults into trainings and count how often diagnose finds them, in an hour
	scripts/diagnose-suite

diagnose-problems: build ## give diagnose training problems that people ask about, and count how many it solves
	scripts/diagnose-problems

coverage: onnxruntime ## count how many intervals of a diagnosis hold the effect that they estimate
	cargo test --release --locked --lib coverage -- --ignored --nocapture

fluctuating-loss: build ## run the experiments that docs/fluctuating-loss.md describes
	scripts/fluctuating-loss

model: onnxruntime ## train the demo's model
	scripts/make-model

references: onnxruntime ## write docs/commands.md and docs/configuration.md again from the code
	UPDATE=1 cargo test --locked --test trainer references::

onnxruntime: ## download the ONNX Runtime library once, and link it into target/
# .cargo/config.toml names the second link, which is needed even if cargo builds in another folder.
ifdef FETCH
	@library=$$(scripts/fetch-onnxruntime) && for target in "$(TARGET)" target; do \
		mkdir -p "$$target/onnxruntime" && ln -sf "$$library" "$$target/onnxruntime/libonnxruntime.so" || exit; \
	done
else
	@[ -f "$$ORT_DYLIB_PATH" ] || { echo "ORT_DYLIB_PATH is $$ORT_DYLIB_PATH, which is not a file;" \
		"set it to the path of a libonnxruntime.so of version 1.17 or later, or unset it" >&2; exit 1; }
endif

build: onnxruntime ## build both programs in release mode and link the library beside them
	cargo build --release --locked --bins
	@ln -sf "$$(readlink -f "$$ORT_DYLIB_PATH")" "$(TARGET)/release/libonnxruntime.so"

clean: ## remove all build output; the downloaded library stays in the user's cache
	cargo clean
	@rm -rf target/onnxruntime
