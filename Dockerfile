# The development stage has everything and compiles; the image has what runs, and production dependencies alone. To pin
# what it stands on by content too: --build-arg NODE_IMAGE=node:24.11.1-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24.11.1-bookworm-slim
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The embedded database is optional and stays out: a container has DATABASE_URL.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# For `npx scorekeeper …` in a running container.
COPY --from=build /app/scripts/scorekeeper.js ./scripts/scorekeeper.js
COPY package.json LICENSE ./
# By number, so that a cluster that admits no root can see that this is none: it is the image's user node.
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/server.js"]
