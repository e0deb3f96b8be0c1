{{/* The pod of a service: (dict "root" $ "name" "jobs"). */}}
{{- define "reelsmith.pod" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $values := index $root.Values.services $name -}}
{{- $port := index (include "reelsmith.ports" . | fromYaml) $name -}}
{{- $media := has $name (list "analyzer" "exporter") -}}
{{- $single := has $name (list "jobs" "config") -}}
metadata:
  labels:
    {{- include "reelsmith.labels" . | nindent 4 }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      {{- toYaml $root.Values.securityContext.seccompProfile | nindent 6 }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  containers:
    - name: {{ $name }}
      image: {{ include "reelsmith.image" . | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        privileged: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      ports:
        - {name: grpc, containerPort: {{ $port }}}
        - {name: metrics, containerPort: {{ add $port 1000 }}}
        {{- if eq $name "gateway" }}
        - {name: http, containerPort: 8080}
        {{- end }}
      env:
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: REELSMITH_ADVERTISE_HOST, value: $(POD_IP)}
        - {name: REELSMITH_{{ upper $name }}_METRICS_PORT, value: {{ add $port 1000 | quote }}}
        {{- if eq $name "gateway" }}
        - {name: REELSMITH_GATEWAY_HTTP_PORT, value: "8080"}
        {{- end }}
        {{- if $root.Values.consul.address }}
        - {name: REELSMITH_DISCOVERY, value: consul}
        - {name: CONSUL_HTTP_ADDR, value: {{ $root.Values.consul.address | quote }}}
        {{- with $root.Values.consul.tokenSecret }}
        - {name: CONSUL_HTTP_TOKEN, valueFrom: {secretKeyRef: {name: {{ . }}, key: token}}}
        {{- end }}
        {{- else }}
        - {name: REELSMITH_DISCOVERY, value: dns}
        - {name: REELSMITH_STATIC_REGISTRY, value: {{ include "reelsmith.registry" . | quote }}}
        {{- end }}
        {{- with $root.Values.telemetry.endpoint }}
        - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
        - {name: OTEL_TRACES_SAMPLER, value: {{ $root.Values.telemetry.sampler }}}
        - {name: OTEL_TRACES_SAMPLER_ARG, value: {{ $root.Values.telemetry.samplerArgument | quote }}}
        {{- end }}
        {{- if and $media $root.Values.sources.claim }}
        - {name: REELSMITH_SOURCE_ROOTS, value: {{ $root.Values.sources.mountPath | quote }}}
        {{- end }}
        {{- if and (eq $name "analyzer") $values.model.claim }}
        - {name: REELSMITH_ANALYZER_MODELS_DIR, value: /models}
        - {name: REELSMITH_ANALYZER_ASR_MODEL, value: {{ required "services.analyzer.model.name" $values.model.name | quote }}}
        {{- end }}
        {{- if and (eq $name "config") $values.keysSecret }}
        - {name: REELSMITH_CONFIG_KEYS_FILE, value: /keys/secrets.keys}
        {{- end }}
        {{- range $key, $value := merge (dict) $values.environment $root.Values.environment }}
        - {name: {{ $key }}, value: {{ $value | quote }}}
        {{- end }}
        {{- range $key, $from := $values.secretEnvironment }}
        - {name: {{ $key }}, valueFrom: {secretKeyRef: {name: {{ $from.secret }}, key: {{ $from.key }}}}}
        {{- end }}
      startupProbe: {grpc: {port: {{ $port }}}, periodSeconds: 2, failureThreshold: 60, timeoutSeconds: 2}
      readinessProbe: {grpc: {port: {{ $port }}}, periodSeconds: 5, failureThreshold: 2, timeoutSeconds: 2}
      # By its port alone: a process that says it cannot serve, for a full disk, is not helped by a restart.
      livenessProbe: {tcpSocket: {port: grpc}, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 2}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/reelsmith/state}
        {{- if ne $name "config" }}
        - {name: sessions, mountPath: /var/lib/reelsmith/sessions}
        {{- end }}
        {{- if and $media $root.Values.sources.claim }}
        - {name: sources, mountPath: {{ $root.Values.sources.mountPath }}, readOnly: true}
        {{- end }}
        {{- if and (eq $name "analyzer") $values.model.claim }}
        - {name: models, mountPath: /models, readOnly: true}
        {{- end }}
        {{- if and (eq $name "config") $values.keysSecret }}
        - {name: keys, mountPath: /keys, readOnly: true}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
    {{- if not $single }}
    - {name: state, emptyDir: {sizeLimit: 1Gi}}
    {{- end }}
    {{- if ne $name "config" }}
    - name: sessions
      persistentVolumeClaim:
        claimName: {{ $root.Values.sessions.existingClaim | default (include "reelsmith.fullname" (dict "root" $root "name" "sessions")) }}
    {{- end }}
    {{- if and $media $root.Values.sources.claim }}
    - {name: sources, persistentVolumeClaim: {claimName: {{ $root.Values.sources.claim }}, readOnly: true}}
    {{- end }}
    {{- if and (eq $name "analyzer") $values.model.claim }}
    - {name: models, persistentVolumeClaim: {claimName: {{ $values.model.claim }}, readOnly: true}}
    {{- end }}
    {{- if and (eq $name "config") $values.keysSecret }}
    - {name: keys, secret: {secretName: {{ $values.keysSecret }}, defaultMode: 0440}}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.topologySpread }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "reelsmith.selector" . | nindent 10 }}
  {{- end }}
{{- end }}
