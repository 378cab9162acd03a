# The static binary and the demo image.
#
#   docker build -t stepdown .
#   docker run --rm -e PUID=1000 -e PGID=1000 stepdown
#   docker run --rm --user 1000:1000 --read-only --cap-drop ALL stepdown
#
# In an image of your own two lines are enough:
#
#   COPY --from=stepdown /usr/bin/stepdown /usr/bin/stepdown
#   ENTRYPOINT ["/usr/bin/stepdown", "init", "--"]
#
# Both base images are arguments, for mirrors and other distributions. A build base that already holds an executable
# /stepdown is taken as it is and nothing is compiled: so a binary built elsewhere goes through this same file (the
# tests do that; no stage is named by an argument because the classic builder builds every stage, wanted or not).
#
#   docker build --build-arg BUILD_BASE=my-prebuilt -t stepdown .

ARG BUILD_BASE=rust:1-bookworm
ARG BASE=debian:bookworm-slim


FROM ${BUILD_BASE} AS build
WORKDIR /build
COPY . .
# Copied and removed in one layer: target/ is a few hundred MB.
RUN set -eu; \
    if [ ! -x /stepdown ]; then \
        cp "$(.ci/static)" /stepdown; \
        rm -rf target; \
    fi


FROM ${BASE}
COPY --from=build /stepdown /usr/bin/stepdown
COPY services.d /etc/services.d
# ENTRYPOINT also forgets the base image's CMD; what follows the image's name in `docker run` is the main command.
ENTRYPOINT ["/usr/bin/stepdown", "init", "--"]
# The base may have another one (php:apache has WINCH, nginx QUIT); stepdown's ordered stop is TERM.
STOPSIGNAL SIGTERM
