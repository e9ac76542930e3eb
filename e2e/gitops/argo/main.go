// argo runs Argo CD's own code against a cluster, for the tests beside it:
//
//	argo sync  < request.json    applies the objects as a sync does
//	argo judge < request.json    says of each object whether Argo CD sees a difference, and how healthy it finds it
//	argo check < application.json    fails for a field that an Application does not have
//
// Nothing of Argo CD is configured but what a test hands in: no difference is ignored, not even in status.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/resource"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/syncwaves"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/go-logr/logr"
	log "github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

type request struct {
	Kubeconfig string `json:"kubeconfig"`
	// Namespace with the ConfigMap argocd-cm, whose health checks are used.
	SettingsNamespace string `json:"settingsNamespace"`
	// Desired objects, as Argo CD gets them from Git.
	Objects []*unstructured.Unstructured `json:"objects"`
	// For sync: whether the Application has the sync option ServerSideApply=true.
	ServerSideApply bool `json:"serverSideApply"`
}

// difference is empty when there is none; otherwise what is there, and what a sync would make of it.
type difference struct {
	Modified  bool            `json:"modified"`
	Live      json.RawMessage `json:"live,omitempty"`
	Predicted json.RawMessage `json:"predicted,omitempty"`
}

type judgement struct {
	Kind            string               `json:"kind"`
	Name            string               `json:"name"`
	ThreeWay        difference           `json:"threeWay"`
	StructuredMerge difference           `json:"structuredMerge"`
	ServerSide      difference           `json:"serverSide"`
	Health          *health.HealthStatus `json:"health"`
	// Of the desired object: its sync wave, and its options Prune (when it is gone from Git) and Delete (with the Application).
	Wave   int     `json:"wave"`
	Prune  *string `json:"prune"`
	Delete *string `json:"delete"`
}

func main() {
	log.SetLevel(log.ErrorLevel)
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) == 2 && os.Args[1] == "check" {
		decoder := json.NewDecoder(os.Stdin)
		decoder.DisallowUnknownFields()
		return decoder.Decode(&v1alpha1.Application{})
	}
	var wanted request
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", wanted.Kubeconfig)
	if err != nil {
		return err
	}
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "sync":
		return syncObjects(ctx, kubectl, config, wanted)
	case len(os.Args) == 2 && os.Args[1] == "judge":
		return judgeObjects(ctx, kubectl, config, wanted)
	}
	return fmt.Errorf("usage: argo sync|judge|check < file.json")
}

func syncObjects(ctx context.Context, kubectl *kube.KubectlCmd, config *rest.Config, wanted request) error {
	operations, cleanup, err := kubectl.ManageResources(config)
	if err != nil {
		return err
	}
	defer cleanup()
	for _, object := range wanted.Objects {
		// force is for sync option Replace; validate is what a sync does unless told otherwise.
		_, err := operations.ApplyResource(ctx, object, cmdutil.DryRunNone, false, true, wanted.ServerSideApply, common.ArgoCDSSAManager)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

func judgeObjects(ctx context.Context, kubectl *kube.KubectlCmd, config *rest.Config, wanted request) error {
	// Settings are waited for and schemas are worked on: both at once.
	var overrides map[string]v1alpha1.ResourceOverride
	var unset error
	var reading sync.WaitGroup
	reading.Go(func() { overrides, unset = overridesIn(ctx, config, wanted.SettingsNamespace) })
	comparisons, cleanup, err := comparisonsOf(kubectl, config)
	if err != nil {
		return err
	}
	defer cleanup()
	if reading.Wait(); unset != nil {
		return unset
	}
	judgements := []judgement{}
	for _, object := range wanted.Objects {
		live, err := kubectl.GetResource(ctx, config, object.GroupVersionKind(), object.GetName(), object.GetNamespace())
		if err != nil {
			return err
		}
		each := judgement{
			Kind:   object.GetKind(),
			Name:   object.GetName(),
			Wave:   syncwaves.Wave(object),
			Prune:  resource.GetAnnotationOptionValue(object, synccommon.AnnotationSyncOptions, synccommon.SyncOptionPrune),
			Delete: resource.GetAnnotationOptionValue(object, synccommon.AnnotationSyncOptions, synccommon.SyncOptionDelete),
		}
		if each.Health, err = health.GetResourceHealth(live, lua.ResourceHealthOverrides(overrides)); err != nil {
			return err
		}
		for way, found := range map[string]*difference{
			"threeWay": &each.ThreeWay, "structuredMerge": &each.StructuredMerge, "serverSide": &each.ServerSide,
		} {
			if *found, err = compare(live, object, comparisons[way]); err != nil {
				return fmt.Errorf("%s: %w", way, err)
			}
		}
		judgements = append(judgements, each)
	}
	return json.NewEncoder(os.Stdout).Encode(judgements)
}

// comparisonsOf sets up the three ways that the application controller has (controller/state.go, CompareAppState): the default, the one of
// Applications with ServerSideApply=true, and the one of compare option ServerSideDiff=true.
func comparisonsOf(kubectl *kube.KubectlCmd, config *rest.Config) (map[string]argodiff.DiffConfig, func(), error) {
	_, parser, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return nil, nil, err
	}
	dryRuns, cleanup, err := kubectl.ManageServerSideDiffDryRuns(config)
	if err != nil {
		return nil, nil, err
	}
	made := map[string]argodiff.DiffConfig{}
	for way, builder := range map[string]*argodiff.DiffConfigBuilder{
		"threeWay":        argodiff.NewDiffConfigBuilder(),
		"structuredMerge": argodiff.NewDiffConfigBuilder().WithStructuredMergeDiff(true),
		"serverSide": argodiff.NewDiffConfigBuilder().WithServerSideDiff(true).
			WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(dryRuns)),
	} {
		made[way], err = builder.
			WithDiffSettings(nil, nil, false, normalizers.IgnoreNormalizerOpts{JQExecutionTimeout: time.Second}).
			WithTracking(common.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
			WithGVKParser(parser).
			WithManager(common.ArgoCDSSAManager).
			WithNoCache().
			Build()
		if err != nil {
			return nil, nil, err
		}
	}
	return made, cleanup, nil
}

func compare(live, desired *unstructured.Unstructured, config argodiff.DiffConfig) (difference, error) {
	result, err := argodiff.StateDiff(live, desired, config)
	if err != nil || !result.Modified {
		return difference{}, err
	}
	return difference{Modified: true, Live: result.NormalizedLive, Predicted: result.PredictedLive}, nil
}

// overridesIn are the health checks that the ConfigMap argocd-cm has.
func overridesIn(ctx context.Context, config *rest.Config, namespace string) (map[string]v1alpha1.ResourceOverride, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return settings.NewSettingsManager(ctx, client, namespace).GetResourceOverrides()
}
