{{/* Labels of every object. */}}
{{- define "clusterfirewall.labels" -}}
app.kubernetes.io/name: clusterfirewall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* A digest says more than a tag: with a digest, the tag is left out. */}}
{{- define "clusterfirewall.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What the pod guard lets through: annotations of its binding, which are its parameters. */}}
{{- define "clusterfirewall.podGuard" -}}
{{- with .Values.guards.pods }}
{{- if .users }}
clusterfirewall.io/users: {{ join "," .users | quote }}
{{- end }}
{{- if .annotations }}
clusterfirewall.io/annotations: {{ join "," .annotations | quote }}
{{- end }}
{{- end }}
{{- end }}
