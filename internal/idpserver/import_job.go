package idpserver

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/userimport"
)

// GetCSVHeader lists the columns of a file to import.
func (s *Service) GetCSVHeader(ctx context.Context, in *idp.GetCSVHeaderRequest) (*idp.GetCSVHeaderResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.GetCSVHeaderResponse{UserPoolId: p.ID, CSVHeader: userimport.Columns(p)}, nil
}

// CreateUserImportJob makes a job, with a link to upload its file to.
func (s *Service) CreateUserImportJob(ctx context.Context, in *idp.CreateUserImportJobRequest) (*idp.CreateUserImportJobResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.imports.Create(ctx, p, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateUserImportJobResponse{UserImportJob: j}, nil
}

// DescribeUserImportJob shows a job and how far it is.
func (s *Service) DescribeUserImportJob(ctx context.Context, in *idp.DescribeUserImportJobRequest) (*idp.DescribeUserImportJobResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.imports.Describe(ctx, p, in.JobId)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeUserImportJobResponse{UserImportJob: j}, nil
}

// ListUserImportJobs lists a pool's jobs, the newest first.
func (s *Service) ListUserImportJobs(ctx context.Context, in *idp.ListUserImportJobsRequest) (*idp.ListUserImportJobsResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := "ListUserImportJobs/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.PaginationToken)
	if err != nil {
		return nil, err
	}
	jobs, next, err := s.imports.List(ctx, p, after, int(in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &idp.ListUserImportJobsResponse{UserImportJobs: jobs, PaginationToken: s.pools.PageToken(kind, next)}, nil
}

// StartUserImportJob starts a job whose file has come.
func (s *Service) StartUserImportJob(ctx context.Context, in *idp.StartUserImportJobRequest) (*idp.StartUserImportJobResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.imports.Start(ctx, p, in.JobId)
	if err != nil {
		return nil, err
	}
	return &idp.StartUserImportJobResponse{UserImportJob: j}, nil
}

// StopUserImportJob stops a job; what is imported stays.
func (s *Service) StopUserImportJob(ctx context.Context, in *idp.StopUserImportJobRequest) (*idp.StopUserImportJobResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.imports.Stop(ctx, p, in.JobId)
	if err != nil {
		return nil, err
	}
	return &idp.StopUserImportJobResponse{UserImportJob: j}, nil
}
