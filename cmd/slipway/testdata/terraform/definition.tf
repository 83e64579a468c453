# Task definitions with all that Slipway honours of them.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "image" {
  default = "web:1"
}

variable "team" {
  default = "red"
}

resource "aws_iam_role" "pull" {
  name = "pull"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ecs-tasks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_ssm_parameter" "key" {
  name  = "/web/key"
  type  = "SecureString"
  value = "not-in-the-definition"
}

resource "aws_secretsmanager_secret" "login" {
  name                    = "login"
  recovery_window_in_days = 0
}

resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  cpu                      = "512"
  memory                   = "1024"
  network_mode             = "bridge"
  pid_mode                 = "task"
  ipc_mode                 = "task"
  requires_compatibilities = ["EC2"]
  execution_role_arn       = aws_iam_role.pull.arn
  tags                     = { team = var.team }

  ephemeral_storage {
    size_in_gib = 21
  }

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  volume {
    name = "own"
  }

  volume {
    name      = "host"
    host_path = "/srv/data"
  }

  volume {
    name = "shared"
    docker_volume_configuration {
      scope         = "shared"
      autoprovision = true
      driver        = "local"
    }
  }

  volume {
    name = "docker"
    docker_volume_configuration {
      scope = "task"
    }
  }

  container_definitions = jsonencode([
    {
      name                   = "web"
      image                  = var.image
      cpu                    = 10
      memory                 = 256
      memoryReservation      = 128
      essential              = true
      versionConsistency     = "enabled"
      command                = ["serve"]
      entryPoint             = ["/entry"]
      user                   = "1000:1000"
      workingDirectory       = "/srv"
      hostname               = "web"
      readonlyRootFilesystem = true
      privileged             = false
      interactive            = true
      pseudoTerminal         = true
      startTimeout           = 30
      stopTimeout            = 20
      environment            = [{ name = "B", value = "2" }, { name = "A", value = "1" }]
      secrets                = [{ name = "KEY", valueFrom = aws_ssm_parameter.key.arn }]
      repositoryCredentials  = { credentialsParameter = aws_secretsmanager_secret.login.arn }
      dependsOn              = [{ containerName = "init", condition = "SUCCESS" }, { containerName = "side", condition = "HEALTHY" }]
      portMappings           = [{ containerPort = 80 }, { containerPort = 53, hostPort = 5353, protocol = "udp", name = "dns" }, { containerPortRange = "8000-8010" }]
      mountPoints            = [{ sourceVolume = "own", containerPath = "/own" }, { sourceVolume = "host", containerPath = "/host", readOnly = true }]
      volumesFrom            = [{ sourceContainer = "init", readOnly = true }]
      dockerSecurityOptions  = ["no-new-privileges"]
      dockerLabels           = { team = "red" }
      dnsServers             = ["10.0.0.1"]
      dnsSearchDomains       = ["example.com"]
      extraHosts             = [{ hostname = "db", ipAddress = "10.0.0.9" }]
      ulimits                = [{ name = "nofile", softLimit = 1024, hardLimit = 2048 }]
      systemControls         = [{ namespace = "net.core.somaxconn", value = "99" }]
      healthCheck            = { command = ["CMD-SHELL", "true"] }
      linuxParameters = {
        capabilities       = { add = ["SYS_PTRACE"], drop = ["NET_RAW"] }
        devices            = [{ hostPath = "/dev/fuse", containerPath = "/dev/fuse", permissions = ["read", "write"] }]
        initProcessEnabled = true
        sharedMemorySize   = 16
        tmpfs              = [{ containerPath = "/run", size = 8, mountOptions = ["noexec"] }]
        maxSwap            = 0
        swappiness         = 10
      }
      logConfiguration = {
        logDriver = "awslogs"
        options   = { "awslogs-group" = "/web", "awslogs-region" = "us-east-1", "awslogs-stream-prefix" = "web" }
      }
    },
    {
      name        = "init"
      image       = "init"
      essential   = false
      mountPoints = [{ sourceVolume = "shared", containerPath = "/shared" }]
    },
    {
      name          = "side"
      image         = "side"
      restartPolicy = { enabled = true, ignoredExitCodes = [0, 7] }
      healthCheck   = { command = ["CMD", "true"], interval = 10, timeout = 3, retries = 2, startPeriod = 5 }
    },
  ])
}

resource "aws_ecs_task_definition" "vpc" {
  family       = "vpc"
  network_mode = "awsvpc"

  container_definitions = jsonencode([
    { name = "web", image = "web", memory = 64, portMappings = [{ containerPort = 80 }] },
  ])
}

data "aws_ecs_task_definition" "web" {
  task_definition = aws_ecs_task_definition.web.family
}

output "seen" {
  value = [data.aws_ecs_task_definition.web.revision, data.aws_ecs_task_definition.web.network_mode, data.aws_ecs_task_definition.web.status]
}
