{{/* The name of what a part makes: of the release, and of the chart unless the release has it. */}}
{{- define "millrace.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "millrace.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "millrace.labels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Metadata of an object that is there once for a release. */}}
{{- define "millrace.metadata" -}}
name: {{ include "millrace.name" . }}
labels: {{- include "millrace.labels" . | nindent 2 }}
{{- end -}}

{{- define "millrace.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{/* As the image runs: a user without rights, on a file system that it cannot write. */}}
{{- define "millrace.container-security" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "millrace.pod-security" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* What every pod has. */}}
{{- define "millrace.pod" -}}
automountServiceAccountToken: {{ ne .Values.serviceAccountName "" }}
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "millrace.pod-security" . | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "millrace.database" -}}
{{- printf "%s-postgres" (include "millrace.name" .) -}}
{{- end -}}

{{/*
The URL of the database for a role: a file of a secret, or an address of the cluster with the
password of a secret. `role`, `secret`, `file`, `root`. The operator's certificates name the host.
*/}}
{{- define "millrace.database-url" -}}
{{- $database := include "millrace.database" .root -}}
{{- if .root.Values.cnpg.enabled -}}
- name: DATABASE_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ .passwordSecret }}, key: password } }
- name: DATABASE_URL
  value: postgres://millrace_{{ .role }}:$(DATABASE_PASSWORD)@{{ $database }}-rw:5432/millrace?sslmode=verify-full&sslrootcert=/run/secrets/postgres/ca.crt
{{- else -}}
- { name: DATABASE_URL_FILE, value: /run/secrets/{{ .role }}/{{ .role }}-url }
{{- end -}}
{{- end -}}

{{- define "millrace.volume-mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.cnpg.enabled }}
- { name: postgres, mountPath: /run/secrets/postgres, readOnly: true }
{{- end }}
{{- end -}}

{{- define "millrace.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if .Values.cnpg.enabled }}
- name: postgres
  secret:
    secretName: {{ include "millrace.database" . }}-ca
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end -}}
