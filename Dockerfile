# BASE is any image with Node 24.9 or newer; nothing else of it is needed, not even a shell:
#   make image BASE=…
ARG BASE
FROM ${BASE}
COPY dist/clusterfirewall.js dist/THIRD_PARTY_LICENSES.txt LICENSE /
# Where the usual images have node, those without a shell among them.
ENV PATH=/usr/local/bin:/usr/bin:/bin:/nodejs/bin
USER 65532:65532
ENTRYPOINT ["node", "/clusterfirewall.js"]
CMD ["run"]
