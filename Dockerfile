FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY policies policies
COPY bundles bundles
COPY src src
RUN node src/launch.js --build-only && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app ./
RUN install -d -o node -g node -m 0700 /var/lib/certlocker
ENV CERTLOCKER_DATA_DIR=/var/lib/certlocker
USER node
EXPOSE 8080
VOLUME /var/lib/certlocker
ENTRYPOINT ["node", "--max-semi-space-size=4", "src/launch.js"]
CMD ["serve"]
