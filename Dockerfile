# The image of the server: the binary on a slim Debian. It runs as the user 65532, and keeps the
# database in /var/lib/sessiond.
#
#     docker build --tag sessiond .
#
# deploy/compose.yaml starts it with SQLite, and deploy/compose.mongodb.yaml on MongoDB.

FROM node:20-bookworm-slim AS playground
# The client library, which the playground uses.
WORKDIR /build/clients/typescript
COPY clients/typescript/package.json clients/typescript/package-lock.json clients/typescript/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY schema.graphql /build/
COPY clients/typescript ./
RUN npm run build
WORKDIR /build/playground
COPY playground/package.json playground/package-lock.json playground/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY playground ./
RUN npm run build

FROM rust:1.95.0-slim-bookworm AS build
# For the C code of SQLite, the allocator and the cryptography.
# The versions are those of the base image's release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
# rust-toolchain.toml also names components that only a developer needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /build
COPY . .
COPY --from=playground /build/playground/dist playground/dist
# The caches belong to the builder and not to a layer, so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked \
    && objcopy --strip-all target/release/sessiond /sessiond \
    && mkdir /data

FROM debian:bookworm-slim
COPY --from=build /sessiond /usr/bin/sessiond
COPY --from=build --chown=65532:65532 --chmod=700 /data /var/lib/sessiond
# All addresses of the container. So the server starts only with a service key.
ENV SESSIOND_LISTEN=0.0.0.0:3000 \
    SESSIOND_DATABASE=sqlite:/var/lib/sessiond/sessiond.db \
    SESSIOND_LOG_FORMAT=json
USER 65532:65532
VOLUME /var/lib/sessiond
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/sessiond"]
