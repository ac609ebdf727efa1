FROM node:20.20.2-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN node src/launch.js --build-only

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production CERTLOCKER_DATA_DIR=/var/lib/certlocker
WORKDIR /app
COPY --from=dependencies /app ./
COPY --from=build /app/dist dist
COPY src src
COPY policies policies
COPY bundles bundles
COPY .regal .regal
RUN install -d -o node -g node -m 0700 /var/lib/certlocker
USER node
EXPOSE 8080 2222
VOLUME /var/lib/certlocker
HEALTHCHECK --interval=5s --timeout=12s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "--heap-growing-percent=50", "src/launch.js"]
CMD ["serve"]
