# BASE is any image with Node 24.9 or newer. It needs nothing else, not even a shell:
#   make image BASE=…
ARG BASE
FROM ${BASE}
COPY dist/clusterfirewall.js dist/THIRD_PARTY_LICENSES.txt LICENSE /
# The usual images have node here, images without a shell included.
ENV PATH=/usr/local/bin:/usr/bin:/bin:/nodejs/bin
USER 65532:65532
ENTRYPOINT ["node", "/clusterfirewall.js"]
CMD ["run"]
