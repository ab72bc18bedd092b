# docker build -t ferry:0.1.0 .                            serves from cpu (and simulated devices)
# docker build -t ferry:0.1.0-cuda --build-arg CUDA=1 .    serves from GPUs too; 4 GB
#
# docker run -p 8001:8001 -p 8002:8002 -v "$PWD/models:/models:ro" ferry:0.1.0 --devices=cpu=4GiB
FROM debian:bookworm-slim AS build
ARG CUDA=""
WORKDIR /src
# The dependencies first: a layer of their own, kept while only sources change.
COPY scripts/setup scripts/narrate.sh scripts/versions.env scripts/
RUN scripts/setup ${CUDA:+--cuda} \
    && rm -rf /root/.cache /var/lib/apt/lists/*
COPY . .
RUN scripts/stage ${CUDA:+--cuda} /opt/ferry

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="ferry" \
      org.opencontainers.image.description="Serves PyTorch models and moves them between devices while they serve" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/ferry /opt/ferry
COPY LICENSE /opt/ferry/LICENSE
# The image's settings are a file, not variables: those would stand over whatever file is mounted in its place.
COPY deploy/image/ferry.toml /etc/ferry/ferry.toml
ENV PATH=/opt/ferry/bin:$PATH \
    FERRY_CONFIG=/etc/ferry/ferry.toml
RUN mkdir /models
USER 65532:65532
EXPOSE 8001 8002
# As long as models named in the configuration load, and while it drains, the daemon is not healthy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["ferryctl", "health"]
ENTRYPOINT ["ferryd"]
