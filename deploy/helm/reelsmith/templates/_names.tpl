{{/* Ports and databases of the services: what does not depend on a value. */}}
{{- define "reelsmith.ports" -}}
gateway: 50050
analyzer: 50051
exporter: 50052
jobs: 50053
config: 50054
{{- end }}

{{/* Name of an object of a service: (dict "root" $ "name" "jobs"). */}}
{{- define "reelsmith.fullname" -}}
{{- $release := .root.Release.Name | trunc 40 | trimSuffix "-" -}}
{{- if contains "reelsmith" $release }}{{ $release }}-{{ .name }}{{ else }}{{ $release }}-reelsmith-{{ .name }}{{ end -}}
{{- end }}

{{- define "reelsmith.selector" -}}
app.kubernetes.io/name: reelsmith
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "reelsmith.labels" -}}
{{ include "reelsmith.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "reelsmith.image" -}}
{{- $values := index .root.Values.services .name -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end }}reelsmith-{{ .name }}{{ $values.suffix | default "" }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The fixed list of all services, each by the name of its headless Service. */}}
{{- define "reelsmith.registry" -}}
{{- $root := .root -}}
{{- $entries := list -}}
{{- range $name, $port := include "reelsmith.ports" . | fromYaml -}}
{{- $entries = append $entries (printf "%s=%s:%v" $name (include "reelsmith.fullname" (dict "root" $root "name" $name)) $port) -}}
{{- end -}}
{{- join ";" $entries -}}
{{- end }}
