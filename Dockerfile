# The service without a Postgres of its own: it needs DATABASE_URL or DATABASE_URL_FILE. docker-compose.yml brings both.

# The digest is that of the tag for all platforms. The next version: `docker buildx imagetools inspect <tag>` shows it.
FROM node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS dependencies
WORKDIR /app
# Before the sources, so that a change of the code does not install everything again.
COPY package.json package-lock.json ./
# The optional dependencies are the embedded Postgres and a Node from npm: the image has the one and is given the other.
# Only they have install scripts, so that no package needs to run code here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    MILLRACE_DATA_DIR=/data
# The only place that is written to, and only where the admin token or the secret key is not given. It belongs to the
# user of the service before it becomes a volume: a new volume takes its owner from here.
RUN install -d -o node -g node -m 0700 /data
WORKDIR /app
# Everything in /app belongs to root: the service cannot change its own code.
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY scripts/sample scripts/sample
COPY sql sql
COPY src src
# The user node, by number: Kubernetes' runAsNonRoot does not look up names.
USER 1000:1000
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# With Node, as the slim image has no curl. Replace it if the container listens on another address, or only works: then
# its own port has /readyz, 8081 unless MILLRACE_MONITOR_PORT says otherwise.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and gets the signal itself. An init is not needed: it starts no processes that it would have to reap.
CMD ["node", "src/main.js", "start"]
